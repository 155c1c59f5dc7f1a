//! Brings a database up to this program's schema. Both trees of migrations are in the binary.

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

/// The key of the `PostgreSQL` advisory lock under which migrations run: "latchkey" as a number.
const LOCK: i64 = 0x6c61_7463_686b_6579;

/// Runs the migrations that are missing and returns how many. The connection should not be used for anything else: its
/// timeouts are gone. Safe when several processes start at once: on
/// `PostgreSQL` one at a time by an advisory lock, on `SQLite` by one immediate transaction around all of them.
pub(crate) fn migrate(conn: &mut DbConnection) -> diesel::migration::Result<usize> {
    if schema_state(conn)? == SchemaState::Newer {
        return Err(SchemaTooNew.into());
    }
    match conn {
        DbConnection::Postgres(conn) => {
            // Waiting for another instance's migrations is not a hang.
            conn.batch_execute(&format!(
                "SET lock_timeout = 0; SET statement_timeout = 0; SELECT pg_advisory_lock({LOCK})"
            ))?;
            let done = conn.run_pending_migrations(POSTGRES).map(|done| done.len());
            conn.batch_execute(&format!("SELECT pg_advisory_unlock({LOCK})"))?;
            done
        }
        DbConnection::Sqlite(conn) => {
            // A start where nothing is missing, which is most of them, must not wait for anybody's write.
            if !conn.has_pending_migration(SQLITE)? {
                return Ok(0);
            }
            conn.batch_execute("PRAGMA busy_timeout = 10000")?;
            conn.immediate_transaction(|conn| {
                conn.run_pending_migrations(SQLITE).map(|done| done.len()).map_err(MigrationError)
            })
            .map_err(|abort| abort.0)
        }
    }
}

/// The database was migrated by a program newer than this one, which may have moved what this one reads.
#[derive(Debug, thiserror::Error)]
#[error("it was migrated by a newer Latchkey. Run that version or a later one")]
struct SchemaTooNew;

/// Lets a migration's error pass through a transaction, which wants one that diesel's own errors turn into.
struct MigrationError(Box<dyn std::error::Error + Send + Sync>);

impl From<diesel::result::Error> for MigrationError {
    fn from(error: diesel::result::Error) -> Self {
        Self(error.into())
    }
}

/// Is there a migration that this database lacks?
pub(crate) fn is_outdated(conn: &mut DbConnection) -> diesel::migration::Result<bool> {
    match conn {
        DbConnection::Postgres(conn) => conn.has_pending_migration(POSTGRES),
        DbConnection::Sqlite(conn) => conn.has_pending_migration(SQLITE),
    }
}

/// How a database's schema stands to this program's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SchemaState {
    /// None of our migrations ran on it.
    Unknown,
    /// It lacks a migration.
    Outdated,
    /// It is what this program knows.
    Current,
    /// It has a migration that this program does not know.
    Newer,
}

/// Compares the migrations of a database with this program's, and writes nothing: diesel's own harness makes its
/// table where it is missing, which a database that is only read must be spared.
pub(crate) fn schema_state(conn: &mut DbConnection) -> Result<SchemaState, DbError> {
    let ours = match conn {
        DbConnection::Postgres(_) => versions::<diesel::pg::Pg>(&POSTGRES),
        DbConnection::Sqlite(_) => versions::<diesel::sqlite::Sqlite>(&SQLITE),
    }
    .map_err(|error| DbError::Query(error.to_string()))?;
    let ran: Vec<AppliedMigration> = match diesel::sql_query("SELECT version FROM __diesel_schema_migrations")
        .load(conn)
    {
        Err(diesel::result::Error::DatabaseError(_, info)) if info.message().contains("__diesel_schema_migrations") => {
            return Ok(SchemaState::Unknown);
        }
        ran => ran?,
    };
    let ran: BTreeSet<String> = ran.into_iter().map(|ran| ran.version).collect();
    Ok(if ran.is_disjoint(&ours) {
        SchemaState::Unknown
    } else if !ran.is_subset(&ours) {
        SchemaState::Newer
    } else if ran == ours {
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
