//! The caller of the API.

use std::sync::Arc;

use crate::accounts::model::User;
use crate::base::clock::Timestamp;
use crate::base::id::Id;
use crate::db::ids::{MembershipKey, ValueKey};
use crate::tokens::model::{End, TokenName};
use crate::workspaces::model::Workspace;
use crate::workspaces::profile::Role;

/// Somebody who holds a live value and may use the API.
#[derive(Debug, Clone)]
pub struct Caller {
    pub(crate) value: ValueKey,
    pub(crate) membership: MembershipKey,
    /// The token's uuid.
    pub uuid: Id,
    /// The token's name.
    pub name: TokenName,
    /// What the member may do now.
    pub role: Role,
    /// The member.
    pub user: User,
    /// The workspace that the token opens.
    pub workspace: Arc<Workspace>,
    /// When the value presented stops, if that is known.
    pub ends_at: Option<Timestamp>,
}

impl Caller {
    /// The value presented, as evidence of its use is kept under it.
    #[must_use]
    pub fn value(&self) -> ValueKey {
        self.value
    }
}

/// What the database knows of a value.
#[derive(Clone)]
pub(crate) struct Found {
    pub caller: Caller,
    pub end: Option<End>,
    pub is_member: bool,
}
