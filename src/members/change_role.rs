//! Changes a member's role.

use crate::accounts::model::User;
use crate::audit::actor::Actor;
use crate::audit::event::{Event, EventKind};
use crate::base::id::PublicId;
use crate::db::DbConnection;
use crate::members::checks::{ensure_not_last_admin, lock_and_find, owner};
use crate::members::model::MemberError;
use crate::members::{invitations, store};
use crate::tokens::delete::delete_all;
use crate::tokens::model::DeletionSource;
use crate::workspaces::model::{Role, Workspace};

/// The result of a role change.
#[derive(Debug, Clone)]
pub(crate) struct RoleChange {
    /// The member.
    pub user: User,
    /// The number of tokens that were deleted.
    pub stopped_tokens: usize,
}

/// Changes a member's role inside the caller's transaction. A role without tokens deletes the member's tokens; a later
/// role change does not restore them.
pub(crate) fn change_role(
    conn: &mut DbConnection,
    workspace: &Workspace,
    user: &PublicId,
    role: Role,
    actor: &Actor,
) -> Result<RoleChange, MemberError> {
    let member = lock_and_find(conn, workspace, user, actor)?;
    let from = member.role;
    if role == from {
        return Ok(RoleChange { user: member.user, stopped_tokens: 0 });
    }
    ensure_not_last_admin(conn, workspace, &member)?;
    store::set_role(conn, member.membership, role)?;
    // Deleted, so that a later promotion does not make the invitations valid again.
    invitations::store::delete_by_inviter(conn, &workspace.uuid, &member.user.uuid)?;
    let deleted = if role.can_have_tokens() {
        0
    } else {
        delete_all(conn, &owner(&member, workspace), DeletionSource::Demotion, actor)?
    };
    let detail = format!("{from} to {role}");
    Event {
        subject: Some(&member.user.uuid),
        workspace: Some(&workspace.uuid),
        detail: Some(&detail),
        ..actor.event(EventKind::MemberRoleChanged)
    }
    .record(conn)?;
    Ok(RoleChange { user: member.user, stopped_tokens: deleted })
}
