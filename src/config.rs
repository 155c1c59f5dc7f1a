//! Settings, from flags and the environment, checked at start: a bad one is one clear line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::kernel::app::PublicUrl;
use crate::kernel::db::{DatabaseUrl, Limits};

/// Where the data are: for every command.
#[derive(Debug, Clone, Args)]
pub struct DataSettings {
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

impl DataSettings {
    /// The database to use, if these settings allow it.
    pub fn database(&self) -> Result<DatabaseUrl, ConfigError> {
        let url = self.database_url.clone();
        let url = url.unwrap_or_else(|| DatabaseUrl::Sqlite(self.data_dir.join("latchkey.db")));
        self.allows(&url)?;
        Ok(url)
    }

    /// Refuses a database that would be talked to in clear over a network, unless that was asked for.
    pub fn allows(&self, url: &DatabaseUrl) -> Result<(), ConfigError> {
        if self.allow_plaintext_database || !url.may_talk_in_clear() {
            return Ok(());
        }
        let remedy = if cfg!(feature = "postgres-tls") {
            "Add ?sslmode=verify-full to its URL"
        } else {
            "This program was built without TLS to PostgreSQL (cargo build --features postgres-tls has it)"
        };
        Err(ConfigError::PlaintextDatabase(url.clone(), remedy))
    }

    /// How long to wait for the database, and how much of it to take.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
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
pub struct ServerSettings {
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
}

fn network(text: &str) -> Result<ipnet::IpNet, String> {
    let text = text.trim();
    text.parse::<ipnet::IpNet>()
        .or_else(|_| text.parse::<std::net::IpAddr>().map(ipnet::IpNet::from))
        .map_err(|_| "is neither an address nor a network like 10.0.0.0/8".to_owned())
}

/// Settings that don't go together.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigError {
    /// Listening beyond this machine without saying under what name.
    #[error(
        "--public-url is needed when listening on {0}: say where people and tools reach this server, like https://tokens.example"
    )]
    NoPublicUrl(SocketAddr),
    /// Passwords and tokens would cross a network in clear.
    #[error(
        "the public URL {0} is http: passwords and tokens would cross the network in clear. Put a proxy with TLS in front and use its https URL, or say --allow-insecure-http"
    )]
    Insecure(String),
    /// Password hashes would cross a network in clear.
    #[error(
        "the database {0} is on another machine, and what it sends would cross the network in clear. {1}, use a socket or a tunnel on this machine, or say --allow-plaintext-database"
    )]
    PlaintextDatabase(DatabaseUrl, &'static str),
}

impl ServerSettings {
    /// The public URL of a server that listens on `listening`, if these settings allow it.
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(public_url: Option<&str>, allow_insecure_http: bool) -> ServerSettings {
        ServerSettings {
            listen: "127.0.0.1:0".parse().unwrap(),
            public_url: public_url.map(|url| url.parse().unwrap()),
            trusted_proxies: Vec::new(),
            allow_insecure_http,
        }
    }

    #[test]
    fn the_public_url_follows_from_a_loopback_address_alone() {
        let (here, everywhere) = ("127.0.0.1:8080".parse().unwrap(), "0.0.0.0:8080".parse().unwrap());
        assert_eq!(settings(None, false).public_url(here).unwrap().origin(), "http://127.0.0.1:8080");
        assert_eq!(settings(None, false).public_url(everywhere), Err(ConfigError::NoPublicUrl(everywhere)));
        assert_eq!(
            settings(Some("https://x.example"), false).public_url(everywhere).unwrap().origin(),
            "https://x.example"
        );
    }

    #[test]
    fn plain_http_beyond_this_machine_must_be_asked_for() {
        let here = "127.0.0.1:8080".parse().unwrap();
        assert!(matches!(settings(Some("http://x.example"), false).public_url(here), Err(ConfigError::Insecure(_))));
        assert!(settings(Some("http://x.example"), true).public_url(here).is_ok());
        assert!(settings(Some("http://localhost:8080"), false).public_url(here).is_ok());
    }
}
