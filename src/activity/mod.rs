//! The activity page: lists audit events of a workspace and of the user's account. It must not write events.

pub mod describe;
pub mod model;
pub mod page;
pub mod query;
pub mod store;
