//! Changes a member's role.

use crate::accounts::model::User;
use crate::audit::event::{Event, EventKind};
use crate::base::id::PublicId;
use crate::db::DbConnection;
use crate::members::checks::{ensure_not_last_admin, lock_and_find, owner};
use crate::members::model::{MemberActor, MemberError};
use crate::members::{invitations, store};
use crate::tokens::delete::delete_all;
use crate::tokens::model::DeletionSource;
use crate::workspaces::model::Workspace;
use crate::workspaces::profile::Role;

/// The result of a role change.
#[derive(Debug, Clone)]
pub struct RoleChange {
    /// The member.
    pub user: User,
    /// The previous role.
    pub from: Role,
    /// The number of tokens that were deleted.
    pub stopped_tokens: usize,
}

/// Changes a member's role inside the caller's transaction. A role without tokens deletes the member's tokens; a later
/// role change does not restore them.
pub fn change_role(
    conn: &mut DbConnection,
    workspace: &Workspace,
    user: &PublicId,
    role: Role,
    actor: &MemberActor,
) -> Result<RoleChange, MemberError> {
    let member = lock_and_find(conn, workspace, user, actor)?;
    let from = member.role;
    if role == from {
        return Ok(RoleChange { user: member.user, from, stopped_tokens: 0 });
    }
    ensure_not_last_admin(conn, workspace, &member)?;
    store::set_role(conn, member.membership, role)?;
    // Deleted, so that a later promotion does not make the invitations valid again.
    invitations::store::delete_of(conn, &workspace.uuid, &member.user.uuid)?;
    let deleted = if role.can_have_tokens() {
        0
    } else {
        delete_all(conn, &owner(&member, workspace), &actor.deletion(DeletionSource::Demotion))?
    };
    let detail = format!("{from} to {role}");
    Event { detail: Some(&detail), ..actor.event(workspace, &member, EventKind::MemberRoleChanged) }.record(conn)?;
    Ok(RoleChange { user: member.user, from, stopped_tokens: deleted })
}
