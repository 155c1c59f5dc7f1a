//! The caller of the API.

use std::sync::Arc;

use crate::accounts::model::User;
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::db::ids::{MembershipId, ValueId};
use crate::tokens::model::{EndReason, TokenName};
use crate::workspaces::model::Workspace;
use crate::workspaces::profile::Role;

/// Somebody who holds a live value and may use the API.
#[derive(Debug, Clone)]
pub struct Caller {
    pub(crate) value: ValueId,
    pub(crate) membership: MembershipId,
    /// The token's uuid.
    pub uuid: PublicId,
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
    pub fn value(&self) -> ValueId {
        self.value
    }
}

/// What the database knows of a value.
#[derive(Clone)]
pub(crate) struct TokenRecord {
    pub caller: Caller,
    pub end: Option<EndReason>,
    pub is_member: bool,
}
