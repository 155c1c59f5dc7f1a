//! Brings a database up to this program's schema. Both trees of migrations are in the binary.

use diesel::connection::SimpleConnection as _;
use diesel::migration::{MigrationSource, MigrationVersion};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};

use super::connection::Conn;

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// The key of the `PostgreSQL` advisory lock under which migrations run: "latchkey" as a number.
const LOCK: i64 = 0x6c61_7463_686b_6579;

/// Runs the migrations that are missing and returns how many. The connection should not be used for anything else: its
/// timeouts are gone. Safe when several processes start at once: on
/// `PostgreSQL` one at a time by an advisory lock, on `SQLite` by one immediate transaction around all of them.
pub(super) fn migrate(conn: &mut Conn) -> diesel::migration::Result<usize> {
    refuse_newer(conn)?;
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
#[error(
    "it was migrated by a newer Latchkey (it has the migration {0}, which this one does not know). Run that version or a later one"
)]
struct Newer(String);

fn refuse_newer(conn: &mut Conn) -> diesel::migration::Result<()> {
    fn newer<DB: diesel::backend::Backend>(
        known: &impl MigrationSource<DB>,
        applied: &[MigrationVersion<'_>],
    ) -> diesel::migration::Result<()> {
        let known = known.migrations()?;
        let is_unknown = |version: &&MigrationVersion<'_>| known.iter().all(|it| it.name().version() != **version);
        applied.iter().find(is_unknown).map_or(Ok(()), |version| Err(Newer(version.to_string()).into()))
    }
    match conn {
        Conn::Postgres(conn) => {
            // Not made here: several instances may be about to, and only one at a time may.
            let is_new = diesel::sql_query("SELECT 1 FROM pg_tables WHERE tablename = '__diesel_schema_migrations'");
            if diesel::RunQueryDsl::execute(is_new, conn)? == 0 {
                return Ok(());
            }
            let applied = conn.applied_migrations()?;
            newer::<diesel::pg::Pg>(&POSTGRES, &applied)
        }
        Conn::Sqlite(conn) => {
            let applied = conn.applied_migrations()?;
            newer::<diesel::sqlite::Sqlite>(&SQLITE, &applied)
        }
    }
}

/// Lets a migration's error pass through a transaction, which wants one that diesel's own errors turn into.
struct Abort(Box<dyn std::error::Error + Send + Sync>);

impl From<diesel::result::Error> for Abort {
    fn from(error: diesel::result::Error) -> Self {
        Self(error.into())
    }
}

/// Is there a migration that this database lacks?
pub(super) fn is_behind(conn: &mut Conn) -> diesel::migration::Result<bool> {
    match conn {
        Conn::Postgres(conn) => conn.has_pending_migration(POSTGRES),
        Conn::Sqlite(conn) => conn.has_pending_migration(SQLITE),
    }
}
