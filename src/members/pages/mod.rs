//! Pages of members, for administrators only.

pub(crate) mod email;
pub(crate) mod list;
pub(crate) mod member;
pub(crate) mod members;
pub(crate) mod remove;
pub(crate) mod reset;
pub(crate) mod revoke;
pub(crate) mod revoke_all;
pub(crate) mod revoke_selected;
pub(crate) mod tokens;
