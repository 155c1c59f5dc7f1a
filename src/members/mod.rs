//! Who else is here: members come and go and change their roles, and their tokens go with that; who has which tokens,
//! and what happened.

pub mod change_role;
pub mod checks;
pub mod invitations;
pub mod model;
pub mod pages;
pub mod remove;
pub mod revoke_tokens;
pub mod store;
pub mod token_filter;
