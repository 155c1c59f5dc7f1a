//! Where the data are: the database's URL, read strictly and shown without a password.

use std::fmt;
use std::path::PathBuf;

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
pub enum DatabaseUrlError {
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

impl DatabaseUrl {
    /// Does this URL lead over a network that others may listen on, without saying that TLS must be used?
    ///
    /// libpq takes several hosts, in the URL and as parameters, and paths of sockets (its documentation, section
    /// "Connection URIs"); one that is not this machine is enough.
    #[must_use]
    pub fn allows_plaintext(&self) -> bool {
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
            assert!(!here.parse::<DatabaseUrl>().unwrap().allows_plaintext(), "{here}");
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
            assert!(elsewhere.parse::<DatabaseUrl>().unwrap().allows_plaintext(), "{elsewhere}");
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
                prop_assert!(!url.allows_plaintext());
            }
        }
    }
}
