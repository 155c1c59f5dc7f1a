//! Authentication of API requests by token.

pub mod authenticator;
pub mod batcher;
pub mod cache;
pub mod caller;
pub mod credentials;
pub mod decision;
pub mod error;
pub mod extract;
pub mod look;
pub mod rejection;
pub mod store;
pub mod token_cache;
