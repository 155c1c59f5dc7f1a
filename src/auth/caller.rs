//! The caller of the API.

use std::sync::{Arc, OnceLock};

use actix_web::web::Bytes;

use crate::accounts::model::User;
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::db::ids::{MembershipId, ValueId};
use crate::tokens::model::{EndReason, TokenName};
use crate::workspaces::model::{Role, Workspace};

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

/// The workspace that a value gives access to, with its cached JSON. It has no owner, so credentials with an email
/// address always require a lookup.
pub struct WorkspaceAccess {
    /// The workspace.
    pub workspace: Arc<Workspace>,
    json: OnceLock<Bytes>,
}

impl WorkspaceAccess {
    pub(crate) fn new(workspace: &Arc<Workspace>) -> Arc<Self> {
        Arc::new(Self { workspace: Arc::clone(workspace), json: OnceLock::new() })
    }

    /// The workspace's JSON. `serialize` runs until it has succeeded once.
    pub fn cached_json<E>(&self, serialize: impl FnOnce(&Workspace) -> Result<Bytes, E>) -> Result<Bytes, E> {
        if let Some(json) = self.json.get() {
            return Ok(json.clone());
        }
        let json = serialize(&self.workspace)?;
        Ok(self.json.get_or_init(|| json).clone())
    }
}

/// A token value's row with its owner. It may have ended.
#[derive(Clone)]
pub(crate) struct TokenRecord {
    pub caller: Caller,
    pub end_reason: Option<EndReason>,
    /// The time at which the token was deleted.
    pub deleted_at: Option<Timestamp>,
    pub is_member: bool,
}

impl TokenRecord {
    /// The end of the value, if it is not valid at `now`: the reason, or `None` if it expired, and the time. A deletion
    /// and a stop are facts. Only an expiry and a grace period are compared with the clock.
    pub(crate) fn end(&self, now: Timestamp) -> Option<(Option<EndReason>, Timestamp)> {
        let is_final = self.end_reason.is_some_and(EndReason::is_final);
        match (self.caller.ends_at, self.deleted_at) {
            (Some(at), _) if is_final || at <= now => Some((self.end_reason, at)),
            (_, Some(at)) => Some((Some(EndReason::Deleted), at)),
            // A stop has a time. Without one the row was written by other means, and the stop counts.
            (None, None) if is_final => Some((self.end_reason, now)),
            (_, None) => None,
        }
    }
}
