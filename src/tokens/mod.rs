//! What opens the API: tokens, their values, and who may make and delete them.

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
