//! One connection to either database, and the manager that opens it by its URL's scheme.

use std::path::Path;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::r2d2::R2D2Connection as _;
use diesel::sql_types::Text;
use diesel::{Connection as _, RunQueryDsl as _};

use crate::db::error::{self, OpenError};
use crate::db::url::DatabaseUrl;

/// A connection to `SQLite` or `PostgreSQL`. Queries are written once, against this.
#[derive(diesel::MultiConnection)]
pub enum DbConnection {
    /// `PostgreSQL`.
    Postgres(diesel::PgConnection),
    /// `SQLite`.
    Sqlite(diesel::SqliteConnection),
}

/// How long one waits for a database, and how much of it one takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DbOptions {
    /// The most connections to a `PostgreSQL` server. `SQLite` always has four that read and one that writes.
    pub connections: u32,
    /// How long opening a connection may take; whole seconds, at least 2 (libpq's own least).
    pub connect_timeout: Duration,
    /// How long one statement may take on `PostgreSQL`.
    pub statement_timeout: Duration,
    /// How long a write waits for another's lock.
    pub lock_timeout: Duration,
    /// How long a server that does not answer is waited for at start.
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

/// What is worth telling of an error of libpq's, which likes several lines.
pub(crate) fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or("").trim().to_owned()
}

/// Opens connections. On `SQLite` they wait at most `busy_timeout` for another's lock.
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
                // What the URL says itself counts. A network that swallows packets is noticed in 10 s.
                let mark = if url.contains('?') { '&' } else { '?' };
                let seconds = connect_timeout.as_secs().max(2);
                let mut url = format!("{url}{mark}fallback_application_name=latchkey");
                for (name, value) in
                    [("connect_timeout", seconds), ("tcp_user_timeout", 10_000), ("keepalives_idle", 30)]
                {
                    if !url.contains(name) {
                        url = format!("{url}&{name}={value}");
                    }
                }
                let mut conn = diesel::PgConnection::establish(&url).map_err(ConnectionError)?;
                // Each query here finds its rows by an index, whatever the numbers in it: to plan it anew each time
                // takes longer than to run it.
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
                // busy_timeout first: going to WAL needs the lock, and must wait for it even where reading must not.
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

/// Opens a database that is there already and leaves it as it is: nothing is made, migrated or set.
pub(crate) fn open_existing(url: &DatabaseUrl) -> Result<DbConnection, OpenError> {
    let failed = |why: String| OpenError::Connect(url.clone(), first_line(&why));
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

/// A connection that a pool keeps until it is lost.
pub(crate) struct PooledConn {
    conn: DbConnection,
    is_lost: bool,
}

impl PooledConn {
    /// Asks the other side whether it is still there. If not, the pool throws the connection away.
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
    fn has_broken(&self, kept: &mut PooledConn) -> bool {
        std::thread::panicking() || kept.is_lost || kept.conn.is_broken()
    }
}

/// Makes the database file if it is missing, readable by its owner alone, and the folders above it.
///
/// Must run before the first connection of this process: opening the file past `SQLite` and closing it again
/// would drop the locks that `SQLite` holds on it.
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
