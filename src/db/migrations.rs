//! Schema migrations. The migrations for both backends are embedded in the binary.

use std::collections::BTreeSet;

use diesel::backend::Backend;
use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::migration::MigrationSource;
use diesel::sql_types::Bool;
use diesel::{Connection as _, RunQueryDsl as _};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};

use crate::db::connection::DbConnection;
use crate::db::error::DbError;

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Key of the `PostgreSQL` advisory lock for migrations: the ASCII bytes of "latchkey".
const LOCK_KEY: i64 = 0x6c61_7463_686b_6579;

/// Runs the pending migrations and returns their number. Several processes may migrate concurrently: an advisory lock on
/// `PostgreSQL` and an immediate transaction on `SQLite` serialize them. Without pending migrations, no lock is taken.
pub(crate) fn migrate(conn: &mut DbConnection) -> diesel::migration::Result<usize> {
    match conn.transaction(schema_state)? {
        SchemaState::Newer => return Err(SchemaTooNew.into()),
        SchemaState::Current => return Ok(0),
        SchemaState::Unknown | SchemaState::Outdated => {}
    }
    let done = match conn {
        DbConnection::Sqlite(conn) => {
            conn.batch_execute("PRAGMA busy_timeout = 10000")?;
            conn.immediate_transaction(|conn| Ok(conn.run_pending_migrations(SQLITE)?.len()))
        }
        DbConnection::Postgres(conn) => conn.transaction(|conn| {
            lock_migrations(conn)?;
            Ok(conn.run_pending_migrations(POSTGRES)?.len())
        }),
    };
    done.map_err(|MigrationError(error)| error)
}

/// Takes the lock until the transaction ends. The migrations of another instance may take longer than the timeouts.
///
/// A lock of the session would stay on a pooler's server connection.
fn lock_migrations(conn: &mut diesel::PgConnection) -> diesel::QueryResult<()> {
    conn.batch_execute("SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0")?;
    let is_free: bool =
        diesel::select(sql::<Bool>(&format!("pg_try_advisory_xact_lock({LOCK_KEY})"))).get_result(conn)?;
    if !is_free {
        log::info!("waiting until another process has migrated the database");
        conn.batch_execute(&format!("SELECT pg_advisory_xact_lock({LOCK_KEY})"))?;
    }
    Ok(())
}

/// A newer version of the program migrated the database, and may have changed columns that this version reads.
#[derive(Debug, thiserror::Error)]
#[error("it was migrated by a newer Latchkey. Run that version or a later one")]
struct SchemaTooNew;

/// Wraps a migration error, because a transaction requires an error type that implements `From` for diesel's error.
struct MigrationError(Box<dyn std::error::Error + Send + Sync>);

impl<E: Into<Box<dyn std::error::Error + Send + Sync>>> From<E> for MigrationError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// Relation of a database's schema to this program's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SchemaState {
    /// The database has none of this program's migrations.
    Unknown,
    /// The database has pending migrations.
    Outdated,
    /// The schemas are the same.
    Current,
    /// The database has a migration that this program does not have.
    Newer,
}

/// Compares the migrations of a database with this program's. Must not write: diesel's harness would create its table
/// in a database that the caller only reads.
pub(crate) fn schema_state(conn: &mut DbConnection) -> Result<SchemaState, DbError> {
    let embedded = match conn {
        DbConnection::Postgres(_) => versions::<diesel::pg::Pg>(&POSTGRES),
        DbConnection::Sqlite(_) => versions::<diesel::sqlite::Sqlite>(&SQLITE),
    }
    .map_err(|error| DbError::Query(error.to_string()))?;
    let table = match conn {
        DbConnection::Postgres(_) => "to_regclass('__diesel_schema_migrations') IS NOT NULL",
        DbConnection::Sqlite(_) => "EXISTS (SELECT 1 FROM sqlite_master WHERE name = '__diesel_schema_migrations')",
    };
    // A failed query would end the transaction.
    if !diesel::select(sql::<Bool>(table)).get_result::<bool>(conn)? {
        return Ok(SchemaState::Unknown);
    }
    let rows: Vec<AppliedMigration> = diesel::sql_query("SELECT version FROM __diesel_schema_migrations").load(conn)?;
    let applied: BTreeSet<String> = rows.into_iter().map(|row| row.version).collect();
    Ok(if applied.is_disjoint(&embedded) {
        SchemaState::Unknown
    } else if !applied.is_subset(&embedded) {
        SchemaState::Newer
    } else if applied == embedded {
        SchemaState::Current
    } else {
        SchemaState::Outdated
    })
}

#[derive(diesel::QueryableByName)]
struct AppliedMigration {
    #[diesel(sql_type = diesel::sql_types::Text)]
    version: String,
}

fn versions<DB: Backend>(source: &impl MigrationSource<DB>) -> diesel::migration::Result<BTreeSet<String>> {
    Ok(source.migrations()?.iter().map(|migration| migration.name().version().to_string()).collect())
}
