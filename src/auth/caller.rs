//! The caller of the API.

use std::sync::Arc;

use crate::accounts::model::User;
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::db::ids::{MembershipId, ValueId};
use crate::tokens::model::{EndReason, TokenName};
use crate::workspaces::model::Workspace;
use crate::workspaces::profile::Role;

/// The owner of an active token value who may use the API.
#[derive(Debug, Clone)]
pub struct Caller {
    pub(crate) value: ValueId,
    pub(crate) membership: MembershipId,
    /// The token's uuid.
    pub uuid: PublicId,
    /// The token's name.
    pub name: TokenName,
    /// The member's current role.
    pub role: Role,
    /// The member.
    pub user: User,
    /// The workspace that the token gives access to.
    pub workspace: Arc<Workspace>,
    /// The end of the presented value, if one is set.
    pub ends_at: Option<Timestamp>,
}

impl Caller {
    /// The key of the presented value; usage is recorded under it.
    #[must_use]
    pub fn value(&self) -> ValueId {
        self.value
    }
}

/// A token value's row with its owner. It may have ended.
#[derive(Clone)]
pub(crate) struct TokenRecord {
    pub caller: Caller,
    pub end: Option<EndReason>,
    pub is_member: bool,
}
