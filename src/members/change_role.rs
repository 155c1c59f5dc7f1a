//! Change a member's role.

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

/// What became of a role.
#[derive(Debug, Clone)]
pub struct RoleChange {
    /// Whose.
    pub user: User,
    /// What it was.
    pub from: Role,
    /// How many of their tokens stopped.
    pub stopped_tokens: usize,
}

/// Gives a member another role inside the caller's transaction. One without tokens deletes those they have: getting the
/// role back later brings none of them back.
pub fn change_role(
    conn: &mut DbConnection,
    workspace: &Workspace,
    user: &PublicId,
    role: Role,
    act: &MemberActor,
) -> Result<RoleChange, MemberError> {
    let member = lock_and_find(conn, workspace, user, act)?;
    let from = member.role;
    if role == from {
        return Ok(RoleChange { user: member.user, from, stopped_tokens: 0 });
    }
    ensure_not_last_admin(conn, workspace, &member)?;
    store::set_role(conn, member.membership, role)?;
    // Who may invite no more has left no door open either, whatever they become later.
    invitations::store::delete_of(conn, &workspace.uuid, &member.user.uuid)?;
    let stopped = if role.can_have_tokens() {
        0
    } else {
        delete_all(conn, &owner(&member, workspace), &act.deletion(DeletionSource::Demotion))?
    };
    let detail = format!("{from} to {role}");
    Event { detail: Some(&detail), ..act.event(workspace, &member, EventKind::MemberRoleChanged) }.record(conn)?;
    Ok(RoleChange { user: member.user, from, stopped_tokens: stopped })
}
