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

/// An invalid database URL. The message contains only the scheme of the input, because the rest may be a password.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseUrlError {
    /// The scheme is not supported.
    #[error("the database URL must be a path, sqlite://PATH or postgres://…; its scheme {0:?} is none of these")]
    Scheme(String),
    /// The URL is malformed: libpq could parse it differently than intended, and quote a password in an error.
    #[error(
        "the database URL is not like postgres://USER:PASSWORD@HOST:PORT/NAME?OPTION=VALUE; special characters in its parts must be percent-encoded, @ as %40"
    )]
    Malformed,
}

impl std::str::FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;
    fn from_str(url: &str) -> Result<Self, DatabaseUrlError> {
        match url.split_once("://") {
            Some(("postgres" | "postgresql", rest)) if is_well_formed(rest) => Ok(Self::Postgres(url.to_owned())),
            Some(("postgres" | "postgresql", _)) => Err(DatabaseUrlError::Malformed),
            Some(("sqlite", path)) => Ok(Self::Sqlite(path.into())),
            Some((scheme, _)) => Err(DatabaseUrlError::Scheme(scheme.to_owned())),
            None => Ok(Self::Sqlite(url.strip_prefix("sqlite:").unwrap_or(url).into())),
        }
    }
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
}

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
        assert!(url("postgre://h/db").is_err(), "a typo must not create a file");
    }

    #[test]
    fn a_remote_host_allows_plaintext_and_a_local_host_does_not() {
        for local in [
            "postgres:///latchkey",
            "postgres://ada:x@localhost/latchkey",
            "postgres://ada@127.0.0.1:5599/latchkey",
            "postgres://ada@[::1]:5432/latchkey",
            "postgres://%2Fvar%2Frun%2Fpostgresql/latchkey",
            "postgres:///latchkey?host=/var/run/postgresql",
            "data/latchkey.db",
        ] {
            assert!(!local.parse::<DatabaseUrl>().unwrap().allows_plaintext(), "{local}");
        }
        for remote in [
            "postgres://ada@db.example/latchkey",
            "postgres://ada@10.0.0.5:5432/latchkey",
            "postgres://ada@localhost,db.example/latchkey",
            "postgres:///latchkey?host=db.example",
            "postgres://localhost/latchkey?hostaddr=10.0.0.5",
            "postgres://localhost@db.example/latchkey?sslmode=prefer",
            "postgres://ada@[2001:db8::1]/latchkey",
        ] {
            assert!(remote.parse::<DatabaseUrl>().unwrap().allows_plaintext(), "{remote}");
        }
        let strict: DatabaseUrl = "postgres://ada@db.example/latchkey?sslmode=verify-full".parse().unwrap();
        assert_eq!(strict.allows_plaintext(), !cfg!(feature = "postgres-tls"));
    }

    #[test]
    fn a_password_in_a_database_url_is_not_shown() {
        let url: DatabaseUrl = "postgres://ada:s3cret@db.example:5432/latchkey?sslpassword=s3cret".parse().unwrap();
        assert_eq!(format!("{url} {url:?}"), "postgres://db.example:5432/latchkey postgres://db.example:5432/latchkey");
    }

    #[test]
    fn the_error_for_a_malformed_url_does_not_contain_its_password() {
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
            let result = format!("postgres://{bad}").parse::<DatabaseUrl>();
            let message = result.map_or_else(|error| error.to_string(), |url| panic!("{bad} is taken as {url}"));
            assert!(!message.contains("secret") && message.contains("percent-encoded"), "{bad}: {message}");
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
            let output = match text.parse::<DatabaseUrl>() {
                Ok(url) => {
                    prop_assert!(url == DatabaseUrl::Postgres(text.clone()), "libpq receives the input unchanged");
                    format!("{url} {url:?}")
                }
                Err(error) => format!("{error} {error:?}"),
            };
            prop_assert!(!output.contains(SECRET), "{}: {}", text, output);
        }

        #[test]
        fn any_text_names_one_database_or_none(text in prop_oneof!["(sqlite|postgres|mysql)?:?/{0,3}\\PC{0,20}", any::<String>()]) {
            let Ok(url) = text.parse::<DatabaseUrl>() else { return Ok(()) };
            if let DatabaseUrl::Sqlite(_) = &url {
                prop_assert!(url.to_string().parse::<DatabaseUrl>().unwrap() == url, "{}", text);
                prop_assert!(!url.allows_plaintext());
            }
        }
    }
}
