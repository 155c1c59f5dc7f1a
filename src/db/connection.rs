//! Database connections: the multi-backend connection type, its options, and the manager that opens connections.

use std::path::Path;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::r2d2::R2D2Connection as _;
use diesel::sql_types::Text;
use diesel::{Connection as _, RunQueryDsl as _};

use crate::db::error::{self, OpenError};
use crate::db::url::DatabaseUrl;

/// A connection to `SQLite` or `PostgreSQL`. Queries are written once, for this type.
#[derive(diesel::MultiConnection)]
pub enum DbConnection {
    /// `PostgreSQL`.
    Postgres(diesel::PgConnection),
    /// `SQLite`.
    Sqlite(diesel::SqliteConnection),
}

/// Timeouts and connection limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DbOptions {
    /// Maximum number of connections to a `PostgreSQL` server. `SQLite` always has four readers and one writer.
    pub connections: u32,
    /// Maximum time to open a connection; whole seconds, at least 2 (libpq's minimum).
    pub connect_timeout: Duration,
    /// Maximum time of one statement on `PostgreSQL`.
    pub statement_timeout: Duration,
    /// Maximum time that a write waits for a lock.
    pub lock_timeout: Duration,
    /// Maximum time to wait at start for a server that does not respond.
    pub wait_at_start: Duration,
}

impl Default for DbOptions {
    fn default() -> Self {
        Self {
            connections: 8,
            connect_timeout: Duration::from_secs(3),
            statement_timeout: Duration::from_secs(10),
            lock_timeout: Duration::from_secs(5),
            wait_at_start: Duration::from_secs(30),
        }
    }
}

/// Returns the first line of an error message: libpq's messages often have several.
pub(crate) fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or("").trim().to_owned()
}

/// Opens connections. On `SQLite` they wait at most `busy_timeout` for a lock.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionManager {
    pub url: DatabaseUrl,
    pub limits: DbOptions,
    pub busy_timeout: Duration,
}

impl ConnectionManager {
    pub fn open(&self) -> Result<DbConnection, diesel::r2d2::Error> {
        use diesel::r2d2::Error::{ConnectionError, QueryError};
        let DbOptions { connect_timeout, statement_timeout, lock_timeout, .. } = self.limits;
        match &self.url {
            DatabaseUrl::Postgres(url) => {
                // Parameters in the URL take precedence. The TCP timeout detects a network that drops packets
                // within 10 s.
                let separator = if url.contains('?') { '&' } else { '?' };
                let seconds = connect_timeout.as_secs().max(2);
                let mut url = format!("{url}{separator}fallback_application_name=latchkey");
                for (name, value) in
                    [("connect_timeout", seconds), ("tcp_user_timeout", 10_000), ("keepalives_idle", 30)]
                {
                    if !url.contains(name) {
                        url = format!("{url}&{name}={value}");
                    }
                }
                let mut conn = diesel::PgConnection::establish(&url).map_err(ConnectionError)?;
                // Every query uses an index, whatever its parameters: planning it each time would take longer than
                // running it.
                conn.batch_execute(&format!(
                    "SET statement_timeout = {}; SET lock_timeout = {}; SET TIME ZONE 'UTC'; \
                     SET plan_cache_mode = force_generic_plan",
                    statement_timeout.as_millis(),
                    lock_timeout.as_millis()
                ))
                .map_err(QueryError)?;
                let language = diesel::select(sql::<Text>("current_setting('lc_messages')"));
                error::note_server_language(&language.get_result::<String>(&mut conn).map_err(QueryError)?);
                Ok(DbConnection::Postgres(conn))
            }
            DatabaseUrl::Sqlite(path) => {
                let mut conn = diesel::SqliteConnection::establish(&path.to_string_lossy()).map_err(ConnectionError)?;
                // busy_timeout first: the switch to WAL needs the lock, and must wait for it even on a reading
                // connection.
                conn.batch_execute(&format!(
                    "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                     PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA busy_timeout = {};",
                    self.busy_timeout.as_millis()
                ))
                .map_err(QueryError)?;
                Ok(DbConnection::Sqlite(conn))
            }
        }
    }
}

/// Opens an existing database without creating, migrating or configuring it.
pub(crate) fn open_existing(url: &DatabaseUrl) -> Result<DbConnection, OpenError> {
    let failed = |message: String| OpenError::Connect(url.clone(), first_line(&message));
    match url {
        DatabaseUrl::Sqlite(path) if !path.is_file() => Err(OpenError::Missing(url.clone())),
        DatabaseUrl::Sqlite(path) => {
            let conn = diesel::SqliteConnection::establish(&path.to_string_lossy());
            let mut conn = conn.map_err(|error| failed(error.to_string()))?;
            let set = conn.batch_execute("PRAGMA busy_timeout = 5000; PRAGMA trusted_schema = OFF");
            set.map_err(|error| failed(error.to_string()))?;
            Ok(DbConnection::Sqlite(conn))
        }
        DatabaseUrl::Postgres(_) => {
            let manager =
                ConnectionManager { url: url.clone(), limits: DbOptions::default(), busy_timeout: Duration::ZERO };
            manager.open().map_err(|error| failed(error.to_string()))
        }
    }
}

/// A connection in a pool.
pub(crate) struct PooledConn {
    conn: DbConnection,
    is_lost: bool,
}

impl PooledConn {
    /// Tests the connection. The pool drops a broken connection.
    pub fn is_broken(&mut self) -> bool {
        self.is_lost = self.conn.ping().is_err();
        self.is_lost
    }
}

impl std::ops::Deref for PooledConn {
    type Target = DbConnection;
    fn deref(&self) -> &DbConnection {
        &self.conn
    }
}

impl std::ops::DerefMut for PooledConn {
    fn deref_mut(&mut self) -> &mut DbConnection {
        &mut self.conn
    }
}

impl diesel::r2d2::ManageConnection for ConnectionManager {
    type Connection = PooledConn;
    type Error = diesel::r2d2::Error;

    fn connect(&self) -> Result<PooledConn, Self::Error> {
        Ok(PooledConn { conn: self.open()?, is_lost: false })
    }
    fn is_valid(&self, conn: &mut PooledConn) -> Result<(), Self::Error> {
        conn.ping().map_err(diesel::r2d2::Error::QueryError)
    }
    fn has_broken(&self, pooled: &mut PooledConn) -> bool {
        std::thread::panicking() || pooled.is_lost || pooled.conn.is_broken()
    }
}

/// Creates the database file and its parent folders if they do not exist, accessible only to the owner.
///
/// Must run before the first connection of this process: closing a file that was opened outside `SQLite` releases the
/// POSIX locks that `SQLite` holds on it.
pub(crate) fn prepare_file(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}
