//! Pages of workspaces.

pub mod account;
pub mod home;
pub mod new;
pub mod settings;
pub mod setup;
