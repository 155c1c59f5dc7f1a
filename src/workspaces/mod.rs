//! Workspaces, memberships and roles. Must not depend on tokens.

pub mod change_own_email;
mod change_profile;
pub(crate) mod checks;
pub mod create;
pub(crate) mod email_authority;
pub(crate) mod extract;
pub(crate) mod layout;
pub mod members;
pub(crate) mod menu_mark;
pub mod model;
pub(crate) mod pages;
pub mod profile;
pub(crate) mod reset_authority;
pub(crate) mod setup;
pub mod store;
