//! Settings from flags and the environment, validated at start. Must not log or print a secret.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use zeroize::Zeroizing;

use crate::base::public_url::PublicUrl;
use crate::db::{DatabaseUrl, DbOptions};

/// Where the data are: for every command.
#[derive(Debug, Clone, Args)]
pub struct DatabaseArgs {
    /// Folder for everything that must be kept; made with access for its owner alone
    #[arg(long, env = "LATCHKEY_DATA_DIR", default_value = "data", value_name = "DIR", global = true)]
    pub data_dir: PathBuf,

    /// The database: a path, <sqlite://PATH> or <postgres://USER@HOST/NAME> [default: latchkey.db in the data folder]
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL", global = true)]
    pub database_url: Option<DatabaseUrl>,

    /// The most connections to a PostgreSQL server; SQLite needs no setting
    #[arg(long, env = "LATCHKEY_DATABASE_CONNECTIONS", default_value_t = 8, value_name = "N", global = true,
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub database_connections: u32,

    /// How many seconds opening a connection to PostgreSQL may take
    #[arg(long, env = "LATCHKEY_DATABASE_CONNECT_TIMEOUT", default_value_t = 3, value_name = "SECONDS", global = true,
          value_parser = clap::value_parser!(u64).range(2..=600))]
    pub database_connect_timeout: u64,

    /// How many seconds a statement may take on PostgreSQL
    #[arg(long, env = "LATCHKEY_DATABASE_STATEMENT_TIMEOUT", default_value_t = 10, value_name = "SECONDS", global = true,
          value_parser = clap::value_parser!(u64).range(1..=600))]
    pub database_statement_timeout: u64,

    /// How many seconds a write waits for another's lock
    #[arg(long, env = "LATCHKEY_DATABASE_LOCK_TIMEOUT", default_value_t = 5, value_name = "SECONDS", global = true,
          value_parser = clap::value_parser!(u64).range(1..=600))]
    pub database_lock_timeout: u64,

    /// How many seconds a PostgreSQL server that does not answer is waited for at start
    #[arg(long, env = "LATCHKEY_DATABASE_WAIT", default_value_t = 30, value_name = "SECONDS", global = true,
          value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub database_wait: u64,

    /// Talk to a PostgreSQL server on another machine without TLS. Password hashes and token digests cross the
    /// network in clear
    #[arg(long, env = "LATCHKEY_ALLOW_PLAINTEXT_DATABASE", global = true)]
    pub allow_plaintext_database: bool,
}

impl DatabaseArgs {
    /// Returns the URL of the database.
    ///
    /// # Errors
    ///
    /// Returns an error if the connection would cross a network without TLS and the settings do not allow that.
    pub fn database(&self) -> Result<DatabaseUrl, ConfigError> {
        let url = self.database_url.clone();
        let url = url.unwrap_or_else(|| DatabaseUrl::Sqlite(self.data_dir.join("latchkey.db")));
        self.allows(&url)?;
        Ok(url)
    }

    /// Checks that a connection to `url` does not cross a network without TLS, unless the settings allow it.
    pub fn allows(&self, url: &DatabaseUrl) -> Result<(), ConfigError> {
        if self.allow_plaintext_database || !url.allows_plaintext() {
            return Ok(());
        }
        let remedy = if cfg!(feature = "postgres-tls") {
            "Add ?sslmode=verify-full to its URL"
        } else {
            "This program was built without TLS to PostgreSQL (cargo build --features postgres-tls has it)"
        };
        Err(ConfigError::PlaintextDatabase(url.clone(), remedy))
    }

    /// Returns the timeouts and connection limits.
    #[must_use]
    pub fn limits(&self) -> DbOptions {
        DbOptions {
            connections: self.database_connections,
            connect_timeout: Duration::from_secs(self.database_connect_timeout),
            statement_timeout: Duration::from_secs(self.database_statement_timeout),
            lock_timeout: Duration::from_secs(self.database_lock_timeout),
            wait_at_start: Duration::from_secs(self.database_wait),
        }
    }
}

/// How the server is reached.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ServerArgs {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, env = "LATCHKEY_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS:PORT")]
    pub listen: SocketAddr,

    /// Where people and tools reach this server, like <https://tokens.example> [default: http:// and the address listened on]
    #[arg(long, env = "LATCHKEY_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<PublicUrl>,

    /// A proxy whose X-Forwarded-For names the client: an address or a network like 10.0.0.0/8; several with commas
    #[arg(long, env = "LATCHKEY_TRUSTED_PROXIES", value_name = "NETWORK", value_delimiter = ',', value_parser = network)]
    pub trusted_proxies: Vec<ipnet::IpNet>,

    /// Serve a public URL without TLS. Passwords and tokens cross the network in clear, and browsers refuse the
    /// copy button
    #[arg(long, env = "LATCHKEY_ALLOW_INSECURE_HTTP")]
    pub allow_insecure_http: bool,

    /// The most requests to the API that the tools of one workspace may make, like 3600/hour; second, minute, hour or
    /// day [default: no limit]
    #[arg(long, env = "LATCHKEY_API_RATE", value_name = "N/PERIOD")]
    pub api_rate: Option<ApiRate>,

    /// How many days what happened is remembered: the page Activity, and the table behind it
    #[arg(long, env = "LATCHKEY_KEEP_EVENTS", default_value_t = 400, value_name = "DAYS",
          value_parser = clap::value_parser!(u32).range(30..=36500))]
    pub keep_events: u32,

    /// A server that may ask what a token opens (RFC 7662): its name and the file with its secret; several with commas
    #[arg(
        long = "introspection-client",
        env = "LATCHKEY_INTROSPECTION_CLIENTS",
        value_name = "NAME=FILE",
        value_delimiter = ','
    )]
    pub introspection_clients: Vec<SecretFile>,
}

/// A number of requests per second, minute, hour or day: `3600/hour`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiRate {
    /// Number of requests per period.
    pub count: u32,
    /// Length of the period.
    pub period: Duration,
}

impl std::str::FromStr for ApiRate {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let period = |unit: &str| match unit {
            "second" => Some(Duration::from_secs(1)),
            "minute" => Some(Duration::from_mins(1)),
            "hour" => Some(Duration::from_hours(1)),
            "day" => Some(Duration::from_hours(24)),
            _ => None,
        };
        text.trim()
            .split_once('/')
            .and_then(|(count, unit)| Some(Self { count: count.parse().ok()?, period: period(unit)? }))
            .filter(|rate| rate.count > 0)
            .ok_or_else(|| "must look like 3600/hour: a number, and second, minute, hour or day".to_owned())
    }
}

/// A name and the file that holds its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretFile {
    /// Name of the client.
    pub name: String,
    /// Path of the file.
    pub file: PathBuf,
}

impl std::str::FromStr for SecretFile {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let is_name = |name: &str| {
            (1..=64).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        text.trim()
            .split_once('=')
            .filter(|(name, file)| is_name(name) && !file.is_empty())
            .map(|(name, file)| Self { name: name.to_owned(), file: file.into() })
            .ok_or_else(|| {
                "must look like NAME=FILE: a name of letters, digits, dots, hyphens and underscores, and the file with \
                 its secret"
                    .to_owned()
            })
    }
}

fn network(text: &str) -> Result<ipnet::IpNet, String> {
    let text = text.trim();
    text.parse::<ipnet::IpNet>()
        .or_else(|_| text.parse::<std::net::IpAddr>().map(ipnet::IpNet::from))
        .map_err(|_| "is neither an address nor a network like 10.0.0.0/8".to_owned())
}

/// Settings that are invalid together.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigError {
    /// The server listens on an address that is not loopback, without a public URL.
    #[error(
        "--public-url is needed when listening on {0}: say where people and tools reach this server, like https://tokens.example"
    )]
    NoPublicUrl(SocketAddr),
    /// The public URL is not HTTPS: passwords and tokens would cross a network in clear text.
    #[error(
        "the public URL {0} is http: passwords and tokens would cross the network in clear. Put a proxy with TLS in front and use its https URL, or say --allow-insecure-http"
    )]
    Insecure(String),
    /// The database connection has no TLS: password hashes would cross a network in clear text.
    #[error(
        "the database {0} is on another machine, and what it sends would cross the network in clear. {1}, use a socket or a tunnel on this machine, or say --allow-plaintext-database"
    )]
    PlaintextDatabase(DatabaseUrl, &'static str),
    /// The secret of an introspection client is missing or invalid.
    #[error("--introspection-client {0}={path}: {2}", path = .1.display())]
    Secret(String, PathBuf, String),
}

impl ServerArgs {
    /// Returns the retention of audit events. It is at least 30 days: recent sign-ins exempt a user's known addresses
    /// from the lockout that other clients' failures cause.
    #[must_use]
    pub fn events_kept(&self) -> Duration {
        Duration::from_hours(24 * u64::from(self.keep_events))
    }

    /// Returns the public URL of a server that listens on `listening`.
    ///
    /// # Errors
    ///
    /// Returns an error if the URL is missing, or is not HTTPS and the settings do not allow that.
    pub fn public_url(&self, listening: SocketAddr) -> Result<PublicUrl, ConfigError> {
        let url = match &self.public_url {
            Some(url) => url.clone(),
            None if listening.ip().is_loopback() => {
                format!("http://{listening}").parse().map_err(|_| ConfigError::NoPublicUrl(listening))?
            }
            None => return Err(ConfigError::NoPublicUrl(listening)),
        };
        if url.is_https() || url.is_loopback() || self.allow_insecure_http {
            Ok(url)
        } else {
            Err(ConfigError::Insecure(url.origin()))
        }
    }

    /// Reads the introspection clients' secrets from their files and returns them with the clients' names.
    ///
    /// # Errors
    ///
    /// Returns an error if a name is duplicate, or a secret is missing or invalid.
    pub fn introspection_secrets(&self) -> Result<Vec<(String, Zeroizing<String>)>, ConfigError> {
        let mut secrets: Vec<(String, Zeroizing<String>)> = Vec::new();
        for SecretFile { name, file } in &self.introspection_clients {
            let invalid = |reason: String| ConfigError::Secret(name.clone(), file.clone(), reason);
            if secrets.iter().any(|(other, _)| other == name) {
                return Err(invalid("the name is there twice".to_owned()));
            }
            let secret = read_secret(file).map_err(invalid)?;
            secrets.push((name.clone(), secret));
        }
        Ok(secrets)
    }
}

/// Minimum length of a client secret, in bytes.
const SECRET_MIN: usize = 16;

/// Maximum length of a client secret, in bytes.
const SECRET_MAX: usize = 1024;

fn read_secret(file: &Path) -> Result<Zeroizing<String>, String> {
    use std::io::Read as _;
    use std::os::unix::fs::PermissionsExt as _;
    let mut opened = std::fs::File::open(file).map_err(|error| format!("the file can't be read: {error}"))?;
    let metadata = opened.metadata().map_err(|error| format!("the file can't be read: {error}"))?;
    if !metadata.is_file() {
        return Err("is not a file".to_owned());
    }
    if metadata.permissions().mode() & 0o007 != 0 {
        return Err("others on this machine can read or change the file: chmod 600 it (640 for a group)".to_owned());
    }
    // Two more bytes for a line break, and one to detect a longer file.
    let mut text = Zeroizing::new(String::with_capacity(SECRET_MAX + 3));
    let read = opened.by_ref().take(SECRET_MAX as u64 + 3).read_to_string(&mut text);
    read.map_err(|error| format!("the file can't be read: {error}"))?;
    let secret = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    if !(SECRET_MIN..=SECRET_MAX).contains(&secret.len()) {
        return Err(format!("the secret must be {SECRET_MIN} to {SECRET_MAX} characters long"));
    }
    if secret.chars().any(char::is_control) {
        return Err("the file must hold one line, the secret".to_owned());
    }
    Ok(Zeroizing::new(secret.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(public_url: Option<&str>, allow_insecure_http: bool) -> ServerArgs {
        ServerArgs {
            listen: "127.0.0.1:0".parse().unwrap(),
            public_url: public_url.map(|url| url.parse().unwrap()),
            trusted_proxies: Vec::new(),
            allow_insecure_http,
            api_rate: None,
            keep_events: 400,
            introspection_clients: Vec::new(),
        }
    }

    #[test]
    fn a_rate_is_a_number_and_a_period() {
        let hour = ApiRate { count: 3600, period: Duration::from_hours(1) };
        assert_eq!("3600/hour".parse(), Ok(hour));
        assert_eq!("5/second".parse::<ApiRate>().unwrap().period, Duration::from_secs(1));
        for bad in ["", "3600", "/hour", "0/hour", "-1/hour", "1.5/day", "10/week", "10/hours", "9999999999/day"] {
            assert!(bad.parse::<ApiRate>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_client_secret_is_one_long_line_in_a_file_that_others_cannot_read() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        let read = |names: &[&str]| {
            let clients = names.iter().map(|name| format!("{name}={}", file.display()).parse().unwrap()).collect();
            ServerArgs { introspection_clients: clients, ..settings(None, false) }.introspection_secrets()
        };
        let read_error = |names: &[&str]| read(names).unwrap_err().to_string();
        assert!(read_error(&["warehouse"]).contains("can't be read"), "the file does not exist");
        for (content, mode, why) in [
            ("fifteen letters", 0o600, "must be 16 to 1024 characters"),
            ("", 0o600, "must be 16 to 1024 characters"),
            (&"x".repeat(1025), 0o600, "must be 16 to 1024 characters"),
            ("two lines that\nare both long enough", 0o600, "one line"),
            ("a secret of good length", 0o604, "others on this machine"),
        ] {
            std::fs::write(&file, content).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            let line = read_error(&["warehouse"]);
            assert!(line.contains(why) && line.starts_with("--introspection-client warehouse=/"), "{line}");
            assert!(content.is_empty() || !line.contains(content), "{line}");
        }
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        for end in ["", "\n", "\r\n"] {
            std::fs::write(&file, format!("a secret of good length{end}")).unwrap();
            assert_eq!(read(&["warehouse"]).unwrap()[0].1.as_str(), "a secret of good length");
        }
        assert!(read_error(&["warehouse", "warehouse"]).contains("twice"));
        for bad in ["warehouse", "=file", "ware house=file", "warehouse=", "w:h=file"] {
            assert!(bad.parse::<SecretFile>().is_err(), "{bad}");
        }
    }

    #[test]
    fn only_a_loopback_address_has_a_default_public_url() {
        let (loopback, any_address) = ("127.0.0.1:8080".parse().unwrap(), "0.0.0.0:8080".parse().unwrap());
        assert_eq!(settings(None, false).public_url(loopback).unwrap().origin(), "http://127.0.0.1:8080");
        assert_eq!(settings(None, false).public_url(any_address), Err(ConfigError::NoPublicUrl(any_address)));
        assert_eq!(
            settings(Some("https://x.example"), false).public_url(any_address).unwrap().origin(),
            "https://x.example"
        );
    }

    #[test]
    fn http_with_a_remote_host_requires_the_insecure_flag() {
        let loopback = "127.0.0.1:8080".parse().unwrap();
        assert!(matches!(
            settings(Some("http://x.example"), false).public_url(loopback),
            Err(ConfigError::Insecure(_))
        ));
        assert!(settings(Some("http://x.example"), true).public_url(loopback).is_ok());
        assert!(settings(Some("http://localhost:8080"), false).public_url(loopback).is_ok());
    }
}
