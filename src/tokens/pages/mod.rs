//! Pages of a member's own tokens.

pub mod create;
pub mod delete;
pub mod list;
pub mod overview;
pub mod rename;
pub mod retire;
pub mod rotate;
pub mod usage_status;
