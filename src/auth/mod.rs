//! Authentication of API requests by token.

pub mod authenticator;
mod batcher;
mod cache;
pub(crate) mod caller;
pub mod credentials;
mod decision;
pub mod epoch;
pub mod error;
pub(crate) mod extract;
mod mistake;
pub mod rejection;
mod store;
pub(crate) mod token_cache;
