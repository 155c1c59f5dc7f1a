//! Change a member's role.

use crate::accounts::model::User;
use crate::audit::event::{Event, EventKind};
use crate::base::id::Id;
use crate::db::Conn;
use crate::members::checks::{keep_an_administrator, lock_and_find, owner};
use crate::members::model::{Act, MemberError};
use crate::members::{invitations, store};
use crate::tokens::delete::delete_all;
use crate::tokens::model::Via;
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
    pub stopped: usize,
}

/// Gives a member another role inside the caller's transaction. One without tokens deletes those they have: getting the
/// role back later brings none of them back.
pub fn change_role(
    conn: &mut Conn,
    workspace: &Workspace,
    user: &Id,
    role: Role,
    act: &Act,
) -> Result<RoleChange, MemberError> {
    let member = lock_and_find(conn, workspace, user, act)?;
    let from = member.role;
    if role == from {
        return Ok(RoleChange { user: member.user, from, stopped: 0 });
    }
    keep_an_administrator(conn, workspace, &member)?;
    store::set_role(conn, member.membership, role)?;
    // Who may invite no more has left no door open either, whatever they become later.
    invitations::store::delete_of(conn, &workspace.uuid, &member.user.uuid)?;
    let stopped =
        if role.has_tokens() { 0 } else { delete_all(conn, &owner(&member, workspace), &act.deletion(Via::Demotion))? };
    let detail = format!("{from} to {role}");
    Event { detail: Some(&detail), ..act.event(workspace, &member, EventKind::MemberRoleChanged) }.record(conn)?;
    Ok(RoleChange { user: member.user, from, stopped })
}
