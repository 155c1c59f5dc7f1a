//! Users, passwords, login, sessions and one-time links. Must not import from workspaces.

pub mod access;
pub(crate) mod change_email;
pub mod create;
pub(crate) mod extract;
pub(crate) mod keep_form;
pub(crate) mod kept_form;
mod locked_logins;
pub(crate) mod login;
mod login_throttle;
pub mod model;
pub mod one_time_links;
pub(crate) mod pages;
pub mod password;
pub mod password_hasher;
pub mod password_reset;
pub mod profile;
pub(crate) mod redirect_target;
pub(crate) mod revoke_access;
pub(crate) mod services;
pub mod session;
pub(crate) mod session_store;
pub(crate) mod site_settings;
pub mod store;
pub(crate) mod user_agent;
