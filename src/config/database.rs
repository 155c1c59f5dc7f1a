//! Settings of the database.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::config::error::ConfigError;
use crate::config::secret_file;
use crate::db::{DatabaseUrl, DatabaseUrlError, DbOptions};

/// Settings of the database, for all commands.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Database")]
pub struct DatabaseArgs {
    /// Folder for the SQLite database and the static files; created with access for its owner only
    #[arg(long, env = "LATCHKEY_DATA_DIR", default_value = "data", value_name = "DIR", global = true)]
    pub data_dir: PathBuf,

    /// The database: a path, <sqlite://PATH> or <postgres://USER@HOST/NAME> [default: latchkey.db in the data folder]
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL", global = true)]
    pub database_url: Option<DatabaseUrl>,

    /// A file with the database URL, for a URL with a password
    #[arg(long, env = "DATABASE_URL_FILE", value_name = "FILE", global = true, conflicts_with = "database_url")]
    pub database_url_file: Option<PathBuf>,

    /// Maximum number of connections to PostgreSQL, half of them for token lookups; SQLite needs no setting
    #[arg(long, env = "LATCHKEY_DATABASE_CONNECTIONS", hide_short_help = true, default_value_t = 8, value_name = "N", global = true,
          value_parser = clap::value_parser!(u32).range(2..=1000))]
    pub database_connections: u32,

    /// Seconds to open a connection to PostgreSQL
    #[arg(long, env = "LATCHKEY_DATABASE_CONNECT_TIMEOUT", hide_short_help = true, default_value_t = 3, value_name = "SECONDS", global = true,
          value_parser = clap::value_parser!(u64).range(2..=600))]
    pub database_connect_timeout: u64,

    /// Seconds that a statement may take on PostgreSQL
    #[arg(long, env = "LATCHKEY_DATABASE_STATEMENT_TIMEOUT", hide_short_help = true, default_value_t = 10, value_name = "SECONDS", global = true,
          value_parser = clap::value_parser!(u64).range(1..=600))]
    pub database_statement_timeout: u64,

    /// Seconds that a write waits for a lock
    #[arg(long, env = "LATCHKEY_DATABASE_LOCK_TIMEOUT", hide_short_help = true, default_value_t = 5, value_name = "SECONDS", global = true,
          value_parser = clap::value_parser!(u64).range(1..=600))]
    pub database_lock_timeout: u64,

    /// Seconds to wait at start for a PostgreSQL server that does not respond
    #[arg(long, env = "LATCHKEY_DATABASE_WAIT", hide_short_help = true, default_value_t = 30, value_name = "SECONDS", global = true,
          value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub database_wait: u64,

    /// Allow a connection without TLS to a PostgreSQL server on another machine. Password hashes and token digests cross
    /// the network in clear text
    #[arg(long, env = "LATCHKEY_ALLOW_PLAINTEXT_DATABASE", hide_short_help = true, global = true)]
    pub allow_plaintext_database: bool,
}

impl DatabaseArgs {
    /// Returns the URL of the database.
    ///
    /// # Errors
    ///
    /// Returns an error if the file with the URL is invalid, or if the connection would cross a network without TLS and the
    /// settings do not allow that.
    pub fn database(&self) -> Result<DatabaseUrl, ConfigError> {
        let url = match (&self.database_url, &self.database_url_file) {
            (Some(url), _) => url.clone(),
            (None, Some(file)) => {
                let invalid = |reason: String| ConfigError::DatabaseUrlFile(file.clone(), reason);
                let text = secret_file::read(file).map_err(invalid)?;
                text.parse().map_err(|error: DatabaseUrlError| invalid(error.to_string()))?
            }
            (None, None) => DatabaseUrl::Sqlite(self.data_dir.join("latchkey.db")),
        };
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
            "Build the program with TLS to PostgreSQL (cargo build --features postgres-tls)"
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
            ..DbOptions::default()
        }
    }
}
