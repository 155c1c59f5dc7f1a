//! Members of a workspace: invitations, role changes, removal, and the administrators' view of all tokens. A change
//! that ends a member's access must also delete their tokens.

pub(crate) mod change_email;
pub(crate) mod change_role;
mod checks;
pub mod invitations;
mod list_store;
pub(crate) mod model;
pub(crate) mod pages;
pub(crate) mod remove;
pub(crate) mod reset_link;
pub(crate) mod revoke_tokens;
mod store;
mod token_list_store;
mod token_order;
