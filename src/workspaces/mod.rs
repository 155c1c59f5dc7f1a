//! Workspaces, memberships and roles. Must not depend on tokens.

pub mod change_profile;
pub mod create;
pub mod extract;
pub mod layout;
pub mod members;
pub mod model;
pub mod pages;
pub mod profile;
pub mod setup;
pub mod store;
