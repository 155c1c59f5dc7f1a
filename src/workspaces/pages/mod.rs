//! Pages of workspaces, of the account, of password reset and of setup.

pub(crate) mod account;
pub(crate) mod home;
pub(crate) mod list;
pub(crate) mod new;
pub(crate) mod refusal;
pub(crate) mod reset;
pub(crate) mod settings;
pub(crate) mod setup;
pub(crate) mod time_zone;
