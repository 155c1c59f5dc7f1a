//! Database URLs. Parsing is strict; display must not contain a password.

use std::fmt;
use std::path::PathBuf;

/// The URL of a database.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// Path of a `SQLite` file.
    Sqlite(PathBuf),
    /// URL of a `PostgreSQL` server, in libpq's form.
    Postgres(String),
}

/// An invalid database URL. The message contains at most the scheme of the input, because the rest may be a password.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseUrlError {
    /// The scheme is not supported.
    #[error("the database URL must be a path, sqlite://PATH or postgres://…; the scheme {0:?} is not supported")]
    Scheme(String),
    /// The text is empty, or is not a path of a file.
    #[error(
        "the database must be a path, sqlite://PATH or postgres://USER:PASSWORD@HOST/NAME; write a path that contains one of @ : = ? as sqlite://PATH"
    )]
    NotAPath,
    /// The URL is malformed: libpq could parse it differently than intended, and quote a password in an error.
    #[error(
        "the database URL must look like postgres://USER:PASSWORD@HOST:PORT/NAME?OPTION=VALUE; percent-encode special characters in its parts (@ as %40)"
    )]
    Malformed,
}

impl std::str::FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;
    fn from_str(url: &str) -> Result<Self, DatabaseUrlError> {
        match url.split_once("://") {
            Some(("postgres" | "postgresql", rest)) if is_well_formed(rest) => Ok(Self::Postgres(url.to_owned())),
            Some(("postgres" | "postgresql", _)) => Err(DatabaseUrlError::Malformed),
            Some(("sqlite", path)) if is_file_path(path) => Ok(Self::Sqlite(path.into())),
            Some(("sqlite", _)) => Err(DatabaseUrlError::NotAPath),
            Some((scheme, _)) if is_scheme(scheme) => Err(DatabaseUrlError::Scheme(scheme.to_owned())),
            _ => match url.strip_prefix("sqlite:") {
                Some(path) if is_file_path(path) => Ok(Self::Sqlite(path.into())),
                // A mistyped URL or libpq's keywords (host=… password=…) must not become the name of a new file.
                None if is_file_path(url) && !url.contains(['@', ':', '=', '?']) && !url.contains("//") => {
                    Ok(Self::Sqlite(url.into()))
                }
                _ => Err(DatabaseUrlError::NotAPath),
            },
        }
    }
}

/// Returns whether the text has the form of a URL's scheme (RFC 3986, section 3.1).
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// Returns whether `SQLite` opens exactly the file with this path. It reads `file:` as a URI, `:memory:` and an empty path as
/// a temporary database, and a path only up to a NUL.
fn is_file_path(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    !matches!(name, "" | "." | "..")
        && !path.starts_with([':', ' '])
        && !path.starts_with("file:")
        && !path.contains('\0')
}

/// Returns whether libpq parses the part after `postgres://` without an error. libpq's errors quote a part of the URL;
/// if a password contains special characters, that part can be from the password.
fn is_well_formed(rest: &str) -> bool {
    let is_plain = rest.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    let is_encoded = rest.split('%').skip(1).all(|code| {
        let code = code.as_bytes().get(..2);
        code.is_some_and(|code| code != b"00" && code.iter().all(u8::is_ascii_hexdigit))
    });
    let (address, options) = rest.split_once('?').unwrap_or((rest, ""));
    let (user, location) = address.split_once('@').unwrap_or(("", address));
    let (hosts, name) = location.split_once('/').unwrap_or((location, ""));
    let is_host = |host: &str| {
        let (name, port) = match host.strip_prefix('[') {
            Some(v6) => v6.split_once(']').filter(|(v6, _)| is_v6(v6)).unwrap_or(("[", "")),
            None => host.split_at(host.find(':').unwrap_or(host.len())),
        };
        let port_is_number = port.is_empty()
            || port.strip_prefix(':').is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
        !name.contains(['[', ']']) && port_is_number
    };
    // A colon in the name is probably the separator of a password that contains a slash.
    let is_name = !name.contains(['/', ':']);
    let is_unambiguous =
        !user.contains('/') && !location.contains('@') && (address.contains('@') || !options.contains('@'));
    let options_are_pairs = options.is_empty() || options.split('&').all(|pair| pair.matches('=').count() == 1);
    is_plain && is_encoded && is_unambiguous && is_name && hosts.split(',').all(is_host) && options_are_pairs
}

/// Returns whether the text has the form of an IPv6 address with an optional zone after a percent sign.
fn is_v6(text: &str) -> bool {
    let (address, zone) = text.split_once('%').unwrap_or((text, ""));
    address.bytes().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(&byte))
        && zone.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.%".contains(&byte))
}

impl DatabaseUrl {
    /// Returns whether a connection could cross a network without TLS: a host is not local, and the URL does not
    /// require TLS.
    ///
    /// libpq accepts several hosts, in the URL and as parameters, and socket paths (libpq documentation, section
    /// "Connection URIs"). One host that is not local is enough.
    #[must_use]
    pub fn allows_plaintext(&self) -> bool {
        let Self::Postgres(url) = self else { return false };
        let rest = url.split_once("://").map_or("", |(_, rest)| rest);
        let (location, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let authority = location.split('/').next().unwrap_or("");
        let hosts = authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts);
        let parameter =
            |name: &str| parameters.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name);
        let parameter_hosts =
            ["host", "hostaddr"].into_iter().filter_map(parameter).flat_map(|(_, hosts)| hosts.split(','));
        let is_local = |host: &str| {
            let host = percent_encoding::percent_decode_str(host).decode_utf8_lossy();
            let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                Some((ip, _)) => ip,
                None if host.starts_with('/') => "",
                None => host.split(':').next().unwrap_or(""),
            };
            name.is_empty() || name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
        };
        let requires_tls = cfg!(feature = "postgres-tls")
            && parameter("sslmode").is_some_and(|(_, mode)| matches!(mode, "require" | "verify-ca" | "verify-full"));
        !requires_tls && !hosts.split(',').chain(parameter_hosts).all(is_local)
    }

    /// The URL as an argument for a shell, without passwords.
    pub(crate) fn shell_argument(&self) -> String {
        let url = match self {
            Self::Sqlite(path) => path.display().to_string(),
            Self::Postgres(url) => {
                let rest = url.split_once("://").map_or("", |(_, rest)| rest);
                let (address, options) = rest.split_once('?').unwrap_or((rest, ""));
                let (user, location) = address.split_once('@').unwrap_or(("", address));
                let user = user.split(':').next().unwrap_or("");
                let is_public = |pair: &&str| PUBLIC_OPTIONS.contains(&pair.split('=').next().unwrap_or(""));
                let options: Vec<&str> = options.split('&').filter(is_public).collect();
                let (at, question) =
                    (if user.is_empty() { "" } else { "@" }, if options.is_empty() { "" } else { "?" });
                format!("postgres://{user}{at}{location}{question}{}", options.join("&"))
            }
        };
        format!("'{}'", url.replace('\'', "'\\''"))
    }
}

/// The options of a `PostgreSQL` URL that a printed command repeats. Others may contain a secret.
const PUBLIC_OPTIONS: [&str; 8] =
    ["host", "hostaddr", "port", "dbname", "user", "sslmode", "sslrootcert", "target_session_attrs"];

/// Displays a `PostgreSQL` URL without user, password and parameters, so that no password is shown.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(url) => {
                let rest = url.split_once("://").map_or("", |(_, rest)| rest);
                let rest = rest.split('?').next().unwrap_or("");
                let location = rest.rsplit_once('@').map_or(rest, |(_, location)| location);
                write!(f, "postgres://{location}")
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
