//! Pages of accounts.

pub mod login;
pub mod reset;
