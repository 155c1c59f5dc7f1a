//! Members of a workspace: invitations, role changes, removal, and the administrators' view of all tokens. A change
//! that ends a member's access must also delete their tokens.

pub mod change_role;
pub mod checks;
pub mod invitations;
pub mod model;
pub mod pages;
pub mod remove;
pub mod revoke_tokens;
pub mod store;
pub mod token_filter;
