//! Pages of workspaces, of the account and of setup.

pub mod account;
pub mod home;
pub mod new;
pub mod settings;
pub mod setup;
