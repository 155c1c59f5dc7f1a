//! API tokens and their values: creation, rotation, renaming, deletion, and their pages.

pub(crate) mod attention;
pub(crate) mod attention_view;
pub(crate) mod checklist;
pub mod create;
pub(crate) mod day_counts;
pub mod delete;
pub(crate) mod deleted_store;
pub mod expiry;
pub(crate) mod extract;
pub(crate) mod filter;
pub(crate) mod filter_store;
pub mod model;
pub mod note;
pub mod owner_store;
pub(crate) mod pages;
pub(crate) mod purge_store;
pub mod rename;
pub mod rotate;
pub mod secret;
pub(crate) mod store;
pub(crate) mod unused_store;
pub(crate) mod view;
