//! Pages of accounts: login.

pub(crate) mod login;
