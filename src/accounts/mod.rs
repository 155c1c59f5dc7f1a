//! Who you are: users, their passwords, their sessions, links that work once. Knows nothing of workspaces.

pub mod access;
pub mod create;
pub mod extract;
pub mod links;
pub mod login;
pub mod login_throttle;
pub mod model;
pub mod one_time_links;
pub mod pages;
pub mod password;
pub mod password_reset;
pub mod profile;
pub mod redirect_target;
pub mod services;
pub mod session;
pub mod session_store;
pub mod site_settings;
pub mod store;
pub mod user_agent;
