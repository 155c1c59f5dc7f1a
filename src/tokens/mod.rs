//! API tokens and their values: creation, rotation, renaming, deletion, and their pages.

pub mod create;
pub mod delete;
pub mod expiry;
pub mod extract;
pub mod model;
pub mod pages;
pub mod rename;
pub mod rotate;
pub mod secret;
pub mod store;
pub mod view;
