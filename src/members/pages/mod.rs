//! Pages of members, for administrators only.

pub mod list;
pub mod member;
pub mod remove;
pub mod revoke;
pub mod revoke_all;
pub mod tokens;
