//! Activity of activity.

pub mod describe;
pub mod model;
pub mod page;
pub mod query;
pub mod store;
