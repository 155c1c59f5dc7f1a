//! Errors of settings that are valid one by one.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::db::DatabaseUrl;

/// Settings that are invalid together.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigError {
    /// The server listens on an address that is not loopback, without a public URL.
    #[error(
        "--public-url is required when listening on {0}: the URL under which browsers and tools reach the server, like https://tokens.example"
    )]
    NoPublicUrl(SocketAddr),
    /// The public URL is not HTTPS: passwords and tokens would cross a network in clear text.
    #[error(
        "the public URL {0} is http: passwords and tokens would cross the network in clear text. Use a proxy with TLS and its https URL, or set --allow-insecure-http"
    )]
    Insecure(String),
    /// The database connection has no TLS: password hashes would cross a network in clear text.
    #[error(
        "the connection to the database {0} would cross the network in clear text. {1}, use a socket or a tunnel on this machine, or set --allow-plaintext-database"
    )]
    PlaintextDatabase(DatabaseUrl, &'static str),
    /// The file with the database URL is missing or invalid.
    #[error("--database-url-file {path}: {1}", path = .0.display())]
    DatabaseUrlFile(PathBuf, String),
    /// The secret of an introspection client is missing or invalid.
    #[error("--introspection-client {0}={path}: {2}", path = .1.display())]
    Secret(String, PathBuf, String),
}
