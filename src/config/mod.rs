//! Settings from flags and the environment, validated at start. Must not log or print a secret.

mod database;
mod error;
mod log_filter;
mod secret_file;
mod server;

pub use crate::config::database::DatabaseArgs;
pub use crate::config::error::ConfigError;
pub(crate) use crate::config::log_filter::LogFilter;
pub use crate::config::secret_file::SecretFile;
pub use crate::config::server::{ApiRate, ServerArgs};
