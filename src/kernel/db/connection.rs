//! One connection to either database, and the manager that opens it by its URL's scheme.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use diesel::Connection as _;
use diesel::connection::SimpleConnection as _;
use diesel::r2d2::R2D2Connection as _;

use super::OpenError;

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

/// A database URL that can't be used. Says nothing of what was typed but the scheme: the rest may be a password.
#[derive(Debug, thiserror::Error)]
pub enum BadUrl {
    /// It names no database we know.
    #[error("the database URL must be a path, sqlite://PATH or postgres://…; its scheme {0:?} is none of these")]
    Scheme(String),
    /// `PostgreSQL`'s library would take it apart in another way than was meant, and quote the wrong part.
    #[error(
        "the database URL is not like postgres://USER:PASSWORD@HOST:PORT/NAME?OPTION=VALUE; special characters in its parts must be percent-encoded, @ as %40"
    )]
    Malformed,
}

impl std::str::FromStr for DatabaseUrl {
    type Err = BadUrl;
    fn from_str(url: &str) -> Result<Self, BadUrl> {
        match url.split_once("://") {
            Some(("postgres" | "postgresql", rest)) if is_well_formed(rest) => Ok(Self::Postgres(url.to_owned())),
            Some(("postgres" | "postgresql", _)) => Err(BadUrl::Malformed),
            Some(("sqlite", path)) => Ok(Self::Sqlite(path.into())),
            Some((scheme, _)) => Err(BadUrl::Scheme(scheme.to_owned())),
            None => Ok(Self::Sqlite(url.strip_prefix("sqlite:").unwrap_or(url).into())),
        }
    }
}

/// Is what follows `postgres://` in a URL of a shape that libpq has no complaint about? Its complaints quote the part
/// that they are about, and with a special character in a password that is a part of the password.
fn is_well_formed(rest: &str) -> bool {
    let plain = rest.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    let encoded = rest.split('%').skip(1).all(|code| {
        let code = code.as_bytes().get(..2);
        code.is_some_and(|code| code != b"00" && code.iter().all(u8::is_ascii_hexdigit))
    });
    let (address, options) = rest.split_once('?').unwrap_or((rest, ""));
    let (who, place) = address.split_once('@').unwrap_or(("", address));
    let (hosts, name) = place.split_once('/').unwrap_or((place, ""));
    let is_host = |host: &str| {
        let (name, port) = match host.strip_prefix('[') {
            Some(v6) => v6.split_once(']').filter(|(v6, _)| is_v6(v6)).unwrap_or(("[", "")),
            None => host.split_at(host.find(':').unwrap_or(host.len())),
        };
        let port_is_number = port.is_empty()
            || port.strip_prefix(':').is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
        !name.contains(['[', ']']) && port_is_number
    };
    // A colon in a database's name is more likely that of a password further back than it looks.
    let is_name = !name.contains(['/', ':']);
    let no_second = !who.contains('/') && !place.contains('@') && (address.contains('@') || !options.contains('@'));
    let options_are_pairs = options.is_empty() || options.split('&').all(|pair| pair.matches('=').count() == 1);
    plain && encoded && no_second && is_name && hosts.split(',').all(is_host) && options_are_pairs
}

/// May this stand in brackets: an address and, behind a percent sign, its zone?
fn is_v6(text: &str) -> bool {
    let (address, zone) = text.split_once('%').unwrap_or((text, ""));
    address.bytes().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(&byte))
        && zone.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.%".contains(&byte))
}

/// Never shows a password: a `PostgreSQL` URL is shown without its user, password and parameters.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(url) => {
                let rest = url.split_once("://").map_or("", |(_, rest)| rest);
                let rest = rest.split('?').next().unwrap_or("");
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
    pub fn open(&self) -> Result<Conn, diesel::r2d2::Error> {
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
                // Each query here finds its rows by an index, whatever the numbers in it: to plan it anew each time
                // takes longer than to run it.
                conn.batch_execute(&format!(
                    "SET statement_timeout = {}; SET lock_timeout = {}; SET TIME ZONE 'UTC'; \
                     SET plan_cache_mode = force_generic_plan",
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

/// Opens a database that is there already and leaves it as it is: nothing is made, migrated or set.
pub(super) fn open_existing(url: &DatabaseUrl) -> Result<Conn, OpenError> {
    let failed = |why: String| OpenError::Connect(url.clone(), first_line(&why));
    match url {
        DatabaseUrl::Sqlite(path) if !path.is_file() => Err(OpenError::Missing(url.clone())),
        DatabaseUrl::Sqlite(path) => {
            let conn = diesel::SqliteConnection::establish(&path.to_string_lossy());
            let mut conn = conn.map_err(|error| failed(error.to_string()))?;
            let set = conn.batch_execute("PRAGMA busy_timeout = 5000; PRAGMA trusted_schema = OFF");
            set.map_err(|error| failed(error.to_string()))?;
            Ok(Conn::Sqlite(conn))
        }
        DatabaseUrl::Postgres(_) => {
            let manager = Manager { url: url.clone(), limits: Limits::default(), busy_timeout: Duration::ZERO };
            manager.open().map_err(|error| failed(error.to_string()))
        }
    }
}

/// A connection that a pool keeps until it is lost.
pub(super) struct Kept {
    conn: Conn,
    is_lost: bool,
}

impl Kept {
    /// Asks the other side whether it is still there. If not, the pool throws the connection away.
    pub fn is_lost(&mut self) -> bool {
        self.is_lost = self.conn.ping().is_err();
        self.is_lost
    }
}

impl std::ops::Deref for Kept {
    type Target = Conn;
    fn deref(&self) -> &Conn {
        &self.conn
    }
}

impl std::ops::DerefMut for Kept {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.conn
    }
}

impl diesel::r2d2::ManageConnection for Manager {
    type Connection = Kept;
    type Error = diesel::r2d2::Error;

    fn connect(&self) -> Result<Kept, Self::Error> {
        Ok(Kept { conn: self.open()?, is_lost: false })
    }
    fn is_valid(&self, conn: &mut Kept) -> Result<(), Self::Error> {
        conn.ping().map_err(diesel::r2d2::Error::QueryError)
    }
    fn has_broken(&self, kept: &mut Kept) -> bool {
        std::thread::panicking() || kept.is_lost || kept.conn.is_broken()
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
    use proptest::prelude::*;

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

    #[test]
    fn a_url_that_libpq_would_quote_a_password_of_is_refused_without_a_word_of_it() {
        for bad in [
            "u:pa/secret@h/x",
            "u:pa/secret@h:1/x?a=b",
            "u:sec@ret@h/x",
            "u:sec#ret@h/x",
            "u:sec?ret@h/x",
            "u:sec?r=et@h/x",
            "u:123?secret=@h/x",
            "u:sec ret@h/x",
            "u:sec%zzret@h/x",
            "u:sec%0",
            "u:secret@[::1/x",
            "u:secret",
            "u:secret@h/x?password=a=b",
            "u:secret@h/x?password",
            "u:secret@h/x#y",
            "@/:secret?@=",
            "@[:secret]?@=",
        ] {
            let refused = format!("postgres://{bad}").parse::<DatabaseUrl>();
            let said = refused.map_or_else(|error| error.to_string(), |url| panic!("{bad} is taken as {url}"));
            assert!(!said.contains("secret") && said.contains("percent-encoded"), "{bad}: {said}");
        }
        for good in [
            "",
            "h",
            "/x",
            "u@/x?host=/run/postgresql",
            "u:p%40ss%2F!$'()*@db.example:5432/x?sslmode=disable&application_name=a@b",
            "u:p:q@h1:1,h2:2/x",
            "u@[::1]:5432/x",
            "u@[fe80::1%25eth0]:5432/x",
            "%2Frun%2Fpostgresql/x",
        ] {
            assert!(format!("postgres://{good}").parse::<DatabaseUrl>().is_ok(), "{good}");
        }
    }

    const SECRET: &str = "hunter2.hunter2";

    proptest! {
        #[test]
        fn no_password_is_ever_shown(
            scheme in prop_oneof![Just("postgres"), Just("postgresql")],
            before in "[a-z0-9:@/?#%&=\\[\\] ü]{0,8}:",
            after in "[a-z0-9:/?#%&=\\[\\]ü@]{0,3}@[a-z0-9.:,/?=&@\\[\\]-]{0,20}",
        ) {
            let text = format!("{scheme}://{before}{SECRET}{after}");
            let said = match text.parse::<DatabaseUrl>() {
                Ok(url) => {
                    prop_assert!(url == DatabaseUrl::Postgres(text.clone()), "libpq gets what was typed");
                    format!("{url} {url:?}")
                }
                Err(error) => format!("{error} {error:?}"),
            };
            prop_assert!(!said.contains(SECRET), "{}: {}", text, said);
        }

        #[test]
        fn any_text_names_one_database_or_none(text in prop_oneof!["(sqlite|postgres|mysql)?:?/{0,3}\\PC{0,20}", any::<String>()]) {
            let Ok(url) = text.parse::<DatabaseUrl>() else { return Ok(()) };
            if let DatabaseUrl::Sqlite(_) = &url {
                prop_assert!(url.to_string().parse::<DatabaseUrl>().unwrap() == url, "{}", text);
                prop_assert!(!url.may_talk_in_clear());
            }
        }
    }
}
