//! Brings a database up to this program's schema. Both trees of migrations are in the binary.

use std::collections::BTreeSet;

use diesel::RunQueryDsl as _;
use diesel::backend::Backend;
use diesel::connection::SimpleConnection as _;
use diesel::migration::MigrationSource;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};

use crate::db::connection::Conn;
use crate::db::error::DbError;

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// The key of the `PostgreSQL` advisory lock under which migrations run: "latchkey" as a number.
const LOCK: i64 = 0x6c61_7463_686b_6579;

/// Runs the migrations that are missing and returns how many. The connection should not be used for anything else: its
/// timeouts are gone. Safe when several processes start at once: on
/// `PostgreSQL` one at a time by an advisory lock, on `SQLite` by one immediate transaction around all of them.
pub(crate) fn migrate(conn: &mut Conn) -> diesel::migration::Result<usize> {
    if standing(conn)? == Standing::Ahead {
        return Err(Newer.into());
    }
    match conn {
        Conn::Postgres(conn) => {
            // Waiting for another instance's migrations is not a hang.
            conn.batch_execute(&format!(
                "SET lock_timeout = 0; SET statement_timeout = 0; SELECT pg_advisory_lock({LOCK})"
            ))?;
            let done = conn.run_pending_migrations(POSTGRES).map(|done| done.len());
            conn.batch_execute(&format!("SELECT pg_advisory_unlock({LOCK})"))?;
            done
        }
        Conn::Sqlite(conn) => {
            // A start where nothing is missing, which is most of them, must not wait for anybody's write.
            if !conn.has_pending_migration(SQLITE)? {
                return Ok(0);
            }
            conn.batch_execute("PRAGMA busy_timeout = 10000")?;
            conn.immediate_transaction(|conn| conn.run_pending_migrations(SQLITE).map(|done| done.len()).map_err(Abort))
                .map_err(|abort| abort.0)
        }
    }
}

/// The database was migrated by a program newer than this one, which may have moved what this one reads.
#[derive(Debug, thiserror::Error)]
#[error("it was migrated by a newer Latchkey. Run that version or a later one")]
struct Newer;

/// Lets a migration's error pass through a transaction, which wants one that diesel's own errors turn into.
struct Abort(Box<dyn std::error::Error + Send + Sync>);

impl From<diesel::result::Error> for Abort {
    fn from(error: diesel::result::Error) -> Self {
        Self(error.into())
    }
}

/// Is there a migration that this database lacks?
pub(crate) fn is_behind(conn: &mut Conn) -> diesel::migration::Result<bool> {
    match conn {
        Conn::Postgres(conn) => conn.has_pending_migration(POSTGRES),
        Conn::Sqlite(conn) => conn.has_pending_migration(SQLITE),
    }
}

/// How a database's schema stands to this program's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// None of our migrations ran on it.
    Foreign,
    /// It lacks a migration.
    Behind,
    /// It is what this program knows.
    Current,
    /// It has a migration that this program does not know.
    Ahead,
}

/// Compares the migrations of a database with this program's, and writes nothing: diesel's own harness makes its
/// table where it is missing, which a database that is only read must be spared.
pub(crate) fn standing(conn: &mut Conn) -> Result<Standing, DbError> {
    let ours = match conn {
        Conn::Postgres(_) => versions::<diesel::pg::Pg>(&POSTGRES),
        Conn::Sqlite(_) => versions::<diesel::sqlite::Sqlite>(&SQLITE),
    }
    .map_err(|error| DbError::Failed(error.to_string()))?;
    let ran: Vec<Ran> = match diesel::sql_query("SELECT version FROM __diesel_schema_migrations").load(conn) {
        Err(diesel::result::Error::DatabaseError(_, info)) if info.message().contains("__diesel_schema_migrations") => {
            return Ok(Standing::Foreign);
        }
        ran => ran?,
    };
    let ran: BTreeSet<String> = ran.into_iter().map(|ran| ran.version).collect();
    Ok(if ran.is_disjoint(&ours) {
        Standing::Foreign
    } else if !ran.is_subset(&ours) {
        Standing::Ahead
    } else if ran == ours {
        Standing::Current
    } else {
        Standing::Behind
    })
}

#[derive(diesel::QueryableByName)]
struct Ran {
    #[diesel(sql_type = diesel::sql_types::Text)]
    version: String,
}

fn versions<DB: Backend>(source: &impl MigrationSource<DB>) -> diesel::migration::Result<BTreeSet<String>> {
    Ok(source.migrations()?.iter().map(|migration| migration.name().version().to_string()).collect())
}
