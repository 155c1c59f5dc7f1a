//! Where you are: workspaces, and who belongs to which with what role. Knows nothing of tokens.

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
