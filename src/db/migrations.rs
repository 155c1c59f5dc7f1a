//! Schema migrations. The migrations for both backends are embedded in the binary.

use std::collections::BTreeSet;

use diesel::RunQueryDsl as _;
use diesel::backend::Backend;
use diesel::connection::SimpleConnection as _;
use diesel::migration::MigrationSource;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};

use crate::db::connection::DbConnection;
use crate::db::error::DbError;

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Key of the `PostgreSQL` advisory lock for migrations: the ASCII bytes of "latchkey".
const LOCK_KEY: i64 = 0x6c61_7463_686b_6579;

/// Runs the pending migrations and returns their number. The connection must not be used for anything else afterwards,
/// because its timeouts are disabled. Several processes may migrate concurrently: an advisory lock on `PostgreSQL` and
/// an immediate transaction on `SQLite` serialize them.
pub(crate) fn migrate(conn: &mut DbConnection) -> diesel::migration::Result<usize> {
    if schema_state(conn)? == SchemaState::Newer {
        return Err(SchemaTooNew.into());
    }
    match conn {
        DbConnection::Postgres(conn) => {
            // The migrations of another instance may take longer than the timeouts.
            conn.batch_execute(&format!(
                "SET lock_timeout = 0; SET statement_timeout = 0; SELECT pg_advisory_lock({LOCK_KEY})"
            ))?;
            let done = conn.run_pending_migrations(POSTGRES).map(|done| done.len());
            conn.batch_execute(&format!("SELECT pg_advisory_unlock({LOCK_KEY})"))?;
            done
        }
        DbConnection::Sqlite(conn) => {
            // A start without pending migrations must not wait for another process's write.
            if !conn.has_pending_migration(SQLITE)? {
                return Ok(0);
            }
            conn.batch_execute("PRAGMA busy_timeout = 10000")?;
            conn.immediate_transaction(|conn| {
                conn.run_pending_migrations(SQLITE).map(|done| done.len()).map_err(MigrationError)
            })
            .map_err(|error| error.0)
        }
    }
}

/// A newer version of the program migrated the database, and may have changed columns that this version reads.
#[derive(Debug, thiserror::Error)]
#[error("it was migrated by a newer Latchkey. Run that version or a later one")]
struct SchemaTooNew;

/// Wraps a migration error, because a transaction requires an error type that implements `From` for diesel's error.
struct MigrationError(Box<dyn std::error::Error + Send + Sync>);

impl From<diesel::result::Error> for MigrationError {
    fn from(error: diesel::result::Error) -> Self {
        Self(error.into())
    }
}

/// Returns whether the database has pending migrations.
pub(crate) fn is_outdated(conn: &mut DbConnection) -> diesel::migration::Result<bool> {
    match conn {
        DbConnection::Postgres(conn) => conn.has_pending_migration(POSTGRES),
        DbConnection::Sqlite(conn) => conn.has_pending_migration(SQLITE),
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
    let rows: Vec<AppliedMigration> = match diesel::sql_query("SELECT version FROM __diesel_schema_migrations")
        .load(conn)
    {
        Err(diesel::result::Error::DatabaseError(_, info)) if info.message().contains("__diesel_schema_migrations") => {
            return Ok(SchemaState::Unknown);
        }
        rows => rows?,
    };
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
