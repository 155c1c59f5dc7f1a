//! Database connections: the multi-backend connection type, its options, and the manager that opens connections.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use diesel::connection::{CacheSize, SimpleConnection as _};
use diesel::dsl::sql;
use diesel::r2d2::R2D2Connection as _;
use diesel::sql_types::Text;
use diesel::{Connection as _, RunQueryDsl as _};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::db::error::{self, DbError, OpenError};
use crate::db::lock::{self, DatabaseLock};
use crate::db::url::DatabaseUrl;

/// A connection to `SQLite` or `PostgreSQL`. Queries are written once, for this type.
#[derive(diesel::MultiConnection)]
pub enum DbConnection {
    /// `PostgreSQL`.
    Postgres(diesel::PgConnection),
    Sqlite(diesel::SqliteConnection),
}

/// Timeouts and connection limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DbOptions {
    /// Maximum number of connections to a `PostgreSQL` server, at least 2: half of them are for token lookups alone.
    /// `SQLite` always has four readers and one writer, and one connection per worker for lookups.
    pub connections: u32,
    /// Maximum time to open a connection; whole seconds, at least 2 (libpq's minimum).
    pub connect_timeout: Duration,
    /// Maximum time of one statement on `PostgreSQL`.
    pub statement_timeout: Duration,
    /// Maximum time that a write waits for a lock.
    pub lock_timeout: Duration,
    /// Maximum time to wait at start for a server that does not respond.
    pub wait_at_start: Duration,
    /// Maximum time to wait for the work on a connection. The default is longer than that of the statement timeout, so only
    /// an unresponsive server reaches it. The work continues, and keeps its permit until it ends, which bounds the number of
    /// blocked threads.
    pub response_timeout: Duration,
}

impl Default for DbOptions {
    fn default() -> Self {
        Self {
            connections: 8,
            connect_timeout: Duration::from_secs(3),
            statement_timeout: Duration::from_secs(10),
            lock_timeout: Duration::from_secs(5),
            wait_at_start: Duration::from_secs(30),
            response_timeout: Duration::from_secs(20),
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
    /// Whether a pooler such as `PgBouncer` is between this process and the server, once a connection has shown it. Its
    /// server connections are shared with other clients.
    behind_pooler: Arc<AtomicBool>,
}

impl ConnectionManager {
    pub(crate) fn new(url: DatabaseUrl, limits: DbOptions, busy_timeout: Duration) -> Self {
        Self { url, limits, busy_timeout, behind_pooler: Arc::default() }
    }

    pub(crate) fn is_behind_pooler(&self) -> bool {
        self.behind_pooler.load(Ordering::Relaxed)
    }

    /// The statement that begins a write transaction.
    ///
    /// A setting of a session would stay on a pooler's server connection and apply to its next client. Behind a pooler
    /// the timeouts are therefore set for each transaction.
    fn begin(&self) -> String {
        match &self.url {
            DatabaseUrl::Sqlite(_) => "BEGIN IMMEDIATE".to_owned(),
            DatabaseUrl::Postgres(_) if self.is_behind_pooler() => {
                let [statement, lock] = self.timeouts().map(|(name, millis)| format!("SET LOCAL {name} = {millis}"));
                format!("BEGIN; {statement}; {lock}")
            }
            DatabaseUrl::Postgres(_) => "BEGIN".to_owned(),
        }
    }

    pub(crate) fn pooled(&self, conn: DbConnection) -> PooledConn {
        PooledConn { conn, begin: self.begin(), is_behind_pooler: self.is_behind_pooler(), is_lost: false }
    }

    fn timeouts(&self) -> [(&'static str, u128); 2] {
        [
            ("statement_timeout", self.limits.statement_timeout.as_millis()),
            ("lock_timeout", self.limits.lock_timeout.as_millis()),
        ]
    }

    pub(crate) fn open(&self) -> Result<DbConnection, diesel::r2d2::Error> {
        use diesel::r2d2::Error::{ConnectionError, QueryError};
        match &self.url {
            DatabaseUrl::Postgres(url) => self.open_postgres(url).map(DbConnection::Postgres),
            DatabaseUrl::Sqlite(path) => {
                let mut conn = open_file(path).map_err(ConnectionError)?;
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

    /// Connects to the server with this process's settings, or to a pooler without any.
    fn open_postgres(&self, url: &str) -> Result<diesel::PgConnection, diesel::r2d2::Error> {
        use diesel::r2d2::Error::{ConnectionError, QueryError};
        let direct = if self.is_behind_pooler() { None } else { self.connect_directly(url)? };
        if let Some(mut conn) = direct {
            conn.set_prepared_statement_cache_size(CacheSize::Unbounded);
            return Ok(conn);
        }
        let mut conn = diesel::PgConnection::establish(&with_parameters(url, &self.limits)).map_err(ConnectionError)?;
        conn.set_prepared_statement_cache_size(CacheSize::Disabled);
        note_server_language(&mut conn).map_err(QueryError)?;
        self.behind_pooler.store(true, Ordering::Relaxed);
        Ok(conn)
    }

    /// Connects with settings in the `options` parameter. Returns `None` if a pooler refuses or ignores the parameter.
    fn connect_directly(&self, url: &str) -> Result<Option<diesel::PgConnection>, diesel::r2d2::Error> {
        use diesel::r2d2::Error::{ConnectionError, QueryError};
        // Every query uses an index, whatever its parameters: planning it each time would take longer than running it.
        // A pooler that ignores the options does not set the last one, which only this program knows.
        let [statement, lock] = self.timeouts().map(|(name, millis)| format!("-c {name}={millis}"));
        let options = format!("{statement} {lock} -c TimeZone=UTC -c plan_cache_mode=force_generic_plan -c {MARKER}=1");
        let mut conn =
            match diesel::PgConnection::establish(&with_options(&with_parameters(url, &self.limits), &options)) {
                Err(diesel::ConnectionError::BadConnection(message)) if is_refused_option(&message) => return Ok(None),
                conn => conn.map_err(ConnectionError)?,
            };
        conn.set_prepared_statement_cache_size(CacheSize::Disabled);
        let is_direct = note_server_language(&mut conn).map_err(QueryError)?;
        Ok(is_direct.then_some(conn))
    }
}

/// A setting of this program's connections, to see whether a pooler passes settings on.
const MARKER: &str = "latchkey.direct";

/// Returns whether the message is that of a pooler that does not accept the `options` parameter.
fn is_refused_option(message: &str) -> bool {
    message.contains("unsupported startup parameter") || message.contains("command-line options")
}

/// Adds the parameters that the URL lacks. The TCP timeout detects a network that drops packets within 10 s.
fn with_parameters(url: &str, limits: &DbOptions) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    let mut url = format!("{url}{separator}fallback_application_name=latchkey");
    let seconds = limits.connect_timeout.as_secs().max(2);
    for (name, value) in [("connect_timeout", seconds), ("tcp_user_timeout", 10_000), ("keepalives_idle", 30)] {
        if !url.contains(name) {
            url = format!("{url}&{name}={value}");
        }
    }
    url
}

/// Adds options before those of the URL, or of `PGOPTIONS`, which take precedence.
fn with_options(url: &str, options: &str) -> String {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let options = encode(options);
    for start in ["?options=", "&options="] {
        if let Some((before, after)) = url.split_once(start) {
            return format!("{before}{start}{options}%20{after}");
        }
    }
    #[expect(clippy::disallowed_methods, reason = "a setting of libpq, which the parameter would otherwise replace")]
    let given = std::env::var("PGOPTIONS").unwrap_or_default();
    format!("{url}&options={options}%20{}", encode(&given))
}

/// Notes the language of the server's messages, and returns whether the connection has this program's settings.
///
/// The query is in a transaction: a pooler may run the preparation and the execution of a statement outside one on
/// different servers.
fn note_server_language(conn: &mut diesel::PgConnection) -> diesel::QueryResult<bool> {
    let (language, marker) = conn.transaction(|conn| {
        diesel::select((
            sql::<Text>("current_setting('lc_messages')"),
            sql::<Text>(&format!("coalesce(current_setting('{MARKER}', true), '')")),
        ))
        .get_result::<(String, String)>(conn)
    })?;
    error::note_server_language(&language);
    Ok(!marker.is_empty())
}

/// Opens the file at `path`. A relative path gets a dot first, because `SQLite` reads some names, like `file:x`, as a URI.
fn open_file(path: &Path) -> diesel::ConnectionResult<diesel::SqliteConnection> {
    let path = Path::new(".").join(path);
    let text =
        path.to_str().ok_or_else(|| diesel::ConnectionError::BadConnection("its path is not UTF-8".to_owned()))?;
    diesel::SqliteConnection::establish(text)
}

/// A connection to an existing database, which is locked against a restore.
pub(crate) struct ExistingConnection {
    conn: PooledConn,
    _lock: Option<DatabaseLock>,
}

impl ExistingConnection {
    /// Runs `work` in a transaction.
    pub(crate) fn write<T>(
        &mut self,
        work: impl FnOnce(&mut DbConnection) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        self.conn.transaction(work)
    }
}

impl std::ops::Deref for ExistingConnection {
    type Target = PooledConn;
    fn deref(&self) -> &PooledConn {
        &self.conn
    }
}

impl std::ops::DerefMut for ExistingConnection {
    fn deref_mut(&mut self) -> &mut PooledConn {
        &mut self.conn
    }
}

/// Opens an existing database without creating, migrating or configuring it.
pub(crate) fn open_existing(url: &DatabaseUrl) -> Result<ExistingConnection, OpenError> {
    // A missing database gets no lock file.
    if let DatabaseUrl::Sqlite(path) = url
        && !path.exists()
        && !lock::is_restoring(path)
    {
        return Err(OpenError::Missing(url.clone()));
    }
    let lock = lock::share(url)?;
    Ok(ExistingConnection { conn: connect_existing(url)?, _lock: lock })
}

/// [`open_existing`] without a lock, for a file that no other process uses.
pub(crate) fn connect_existing(url: &DatabaseUrl) -> Result<PooledConn, OpenError> {
    let manager = ConnectionManager::new(url.clone(), DbOptions::default(), Duration::ZERO);
    let failed = |message: String| OpenError::Connect(url.clone(), first_line(&message));
    match url {
        DatabaseUrl::Sqlite(path) if !path.is_file() => Err(OpenError::Missing(url.clone())),
        DatabaseUrl::Sqlite(path) => {
            let mut conn = open_file(path).map_err(|error| failed(error.to_string()))?;
            let set = conn.batch_execute("PRAGMA busy_timeout = 5000; PRAGMA trusted_schema = OFF");
            set.map_err(|error| failed(error.to_string()))?;
            Ok(manager.pooled(DbConnection::Sqlite(conn)))
        }
        DatabaseUrl::Postgres(_) => match manager.open() {
            Ok(conn) => Ok(manager.pooled(conn)),
            Err(error) => Err(failed(error.to_string())),
        },
    }
}

/// A connection in a pool.
#[derive(derive_more::Deref, derive_more::DerefMut)]
pub(crate) struct PooledConn {
    #[deref]
    #[deref_mut]
    conn: DbConnection,
    /// The statement that begins a write transaction.
    pub begin: String,
    /// Whether reads need a transaction, see [`ConnectionManager::is_behind_pooler`].
    pub is_behind_pooler: bool,
    is_lost: bool,
}

impl PooledConn {
    /// Tests the connection. The pool drops a broken connection.
    pub(crate) fn is_broken(&mut self) -> bool {
        self.is_lost = self.ping().is_err();
        self.is_lost
    }

    /// A query in one message: behind a pooler, two messages can reach two servers.
    fn ping(&mut self) -> diesel::QueryResult<()> {
        self.conn.batch_execute("SELECT 1")
    }
}

impl r2d2::ManageConnection for ConnectionManager {
    type Connection = PooledConn;
    type Error = diesel::r2d2::Error;

    fn connect(&self) -> Result<PooledConn, Self::Error> {
        Ok(self.pooled(self.open()?))
    }
    fn is_valid(&self, conn: &mut PooledConn) -> Result<(), Self::Error> {
        conn.ping().map_err(diesel::r2d2::Error::QueryError)
    }
    fn has_broken(&self, pooled: &mut PooledConn) -> bool {
        std::thread::panicking() || pooled.is_lost || pooled.conn.is_broken()
    }
}

/// Creates the database file if it does not exist, accessible only to the owner.
///
/// Must run before the first connection of this process: closing a file that was opened outside `SQLite` releases the
/// POSIX locks that `SQLite` holds on it.
pub(crate) fn prepare_file(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
