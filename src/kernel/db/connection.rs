//! One connection to either database, and the manager that opens it by its URL's scheme.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use diesel::Connection as _;
use diesel::connection::SimpleConnection as _;
use diesel::r2d2::R2D2Connection as _;

/// A connection to `SQLite` or `PostgreSQL`. Queries are written once, against this.
#[derive(diesel::MultiConnection)]
pub enum Conn {
    /// `PostgreSQL`.
    Postgres(diesel::PgConnection),
    /// `SQLite`.
    Sqlite(diesel::SqliteConnection),
}

/// Where the data are.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A file of our own.
    Sqlite(PathBuf),
    /// A server: the URL as libpq takes it.
    Postgres(String),
}

/// A database URL that names no database we know.
#[derive(Debug, thiserror::Error)]
#[error("the database URL must be a path, sqlite://PATH or postgres://…; its scheme {0:?} is none of these")]
pub struct UnknownScheme(String);

impl std::str::FromStr for DatabaseUrl {
    type Err = UnknownScheme;
    fn from_str(url: &str) -> Result<Self, UnknownScheme> {
        match url.split_once("://") {
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres(url.to_owned())),
            Some(("sqlite", path)) => Ok(Self::Sqlite(path.into())),
            Some((scheme, _)) => Err(UnknownScheme(scheme.to_owned())),
            None => Ok(Self::Sqlite(url.strip_prefix("sqlite:").unwrap_or(url).into())),
        }
    }
}

/// Never shows a password: a `PostgreSQL` URL is shown without its user, password and parameters.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(url) => {
                let rest = url.split_once("://").map_or("", |(_, rest)| rest);
                let rest = rest.split(['?', '#']).next().unwrap_or("");
                let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
                write!(f, "postgres://{place}")
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How long one waits for a database, and how much of it one takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
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

impl Default for Limits {
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

impl DatabaseUrl {
    /// Does this URL lead over a network that others may listen on, without saying that TLS must be used?
    ///
    /// libpq takes several hosts, in the URL and as parameters, and paths of sockets (its documentation, section
    /// "Connection URIs"); one that is not this machine is enough.
    #[must_use]
    pub fn may_talk_in_clear(&self) -> bool {
        let Self::Postgres(url) = self else { return false };
        let rest = url.split_once("://").map_or("", |(_, rest)| rest);
        let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let authority = place.split('/').next().unwrap_or("");
        let hosts = authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts);
        let parameter =
            |name: &str| parameters.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name);
        let more = ["host", "hostaddr"].into_iter().filter_map(parameter).flat_map(|(_, hosts)| hosts.split(','));
        let is_here = |host: &str| {
            let host = percent_encoding::percent_decode_str(host).decode_utf8_lossy();
            let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                Some((ip, _)) => ip,
                None if host.starts_with('/') => "",
                None => host.split(':').next().unwrap_or(""),
            };
            name.is_empty() || name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
        };
        let is_safe = cfg!(feature = "postgres-tls")
            && parameter("sslmode").is_some_and(|(_, mode)| matches!(mode, "require" | "verify-ca" | "verify-full"));
        !is_safe && !hosts.split(',').chain(more).all(is_here)
    }
}

/// What is worth telling of an error of libpq's, which likes several lines.
pub(super) fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or("").trim().to_owned()
}

/// Opens connections. On `SQLite` they wait at most `busy_timeout` for another's lock.
#[derive(Debug, Clone)]
pub(super) struct Manager {
    pub url: DatabaseUrl,
    pub limits: Limits,
    pub busy_timeout: Duration,
}

impl Manager {
    fn open(&self) -> Result<Conn, diesel::r2d2::Error> {
        use diesel::r2d2::Error::{ConnectionError, QueryError};
        let Limits { connect_timeout, statement_timeout, lock_timeout, .. } = self.limits;
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
                conn.batch_execute(&format!(
                    "SET statement_timeout = {}; SET lock_timeout = {}; SET TIME ZONE 'UTC'",
                    statement_timeout.as_millis(),
                    lock_timeout.as_millis()
                ))
                .map_err(QueryError)?;
                Ok(Conn::Postgres(conn))
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
                Ok(Conn::Sqlite(conn))
            }
        }
    }
}

impl diesel::r2d2::ManageConnection for Manager {
    type Connection = Conn;
    type Error = diesel::r2d2::Error;

    fn connect(&self) -> Result<Conn, Self::Error> {
        self.open()
    }
    fn is_valid(&self, conn: &mut Conn) -> Result<(), Self::Error> {
        conn.ping().map_err(diesel::r2d2::Error::QueryError)
    }
    fn has_broken(&self, conn: &mut Conn) -> bool {
        std::thread::panicking() || conn.is_broken()
    }
}

/// Makes the database file if it is missing, readable by its owner alone, and the folders above it.
///
/// Must run before the first connection of this process: opening the file past `SQLite` and closing it again
/// would drop the locks that `SQLite` holds on it.
pub(super) fn prepare_file(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_chooses_the_database() {
        let url = |text: &str| text.parse::<DatabaseUrl>();
        assert_eq!(url("data/latchkey.db").unwrap(), DatabaseUrl::Sqlite("data/latchkey.db".into()));
        assert_eq!(url("sqlite:///var/lib/x.db").unwrap(), DatabaseUrl::Sqlite("/var/lib/x.db".into()));
        assert!(matches!(url("postgresql://h/db").unwrap(), DatabaseUrl::Postgres(_)));
        assert!(url("mysql://h/db").unwrap_err().to_string().contains("\"mysql\""));
        assert!(url("postgre://h/db").is_err(), "a typo must not make a file");
    }

    #[test]
    fn a_server_elsewhere_is_told_from_one_on_this_machine() {
        for here in [
            "postgres:///latchkey",
            "postgres://ada:x@localhost/latchkey",
            "postgres://ada@127.0.0.1:5599/latchkey",
            "postgres://ada@[::1]:5432/latchkey",
            "postgres://%2Fvar%2Frun%2Fpostgresql/latchkey",
            "postgres:///latchkey?host=/var/run/postgresql",
            "data/latchkey.db",
        ] {
            assert!(!here.parse::<DatabaseUrl>().unwrap().may_talk_in_clear(), "{here}");
        }
        for elsewhere in [
            "postgres://ada@db.example/latchkey",
            "postgres://ada@10.0.0.5:5432/latchkey",
            "postgres://ada@localhost,db.example/latchkey",
            "postgres:///latchkey?host=db.example",
            "postgres://localhost/latchkey?hostaddr=10.0.0.5",
            "postgres://localhost@db.example/latchkey?sslmode=prefer",
            "postgres://ada@[2001:db8::1]/latchkey",
        ] {
            assert!(elsewhere.parse::<DatabaseUrl>().unwrap().may_talk_in_clear(), "{elsewhere}");
        }
        let strict: DatabaseUrl = "postgres://ada@db.example/latchkey?sslmode=verify-full".parse().unwrap();
        assert_eq!(strict.may_talk_in_clear(), !cfg!(feature = "postgres-tls"));
    }

    #[test]
    fn a_password_in_a_database_url_is_not_shown() {
        let url: DatabaseUrl = "postgres://ada:s3cret@db.example:5432/latchkey?sslpassword=s3cret".parse().unwrap();
        assert_eq!(format!("{url} {url:?}"), "postgres://db.example:5432/latchkey postgres://db.example:5432/latchkey");
    }
}
