//! Pages of a member's own tokens.

pub(crate) mod checklist;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod deleted;
pub(crate) mod expiry_field;
pub(crate) mod list;
pub(crate) mod overview;
pub(crate) mod rename;
pub(crate) mod retire;
pub(crate) mod reveal;
pub(crate) mod rotate;
pub(crate) mod usage_status;
