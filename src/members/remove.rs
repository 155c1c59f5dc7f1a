//! Remove a member.

use crate::accounts::model::User;
use crate::audit::event::EventKind;
use crate::base::id::Id;
use crate::db::Conn;
use crate::members::checks::{keep_an_administrator, lock_and_find, owner};
use crate::members::invitations;
use crate::members::model::{Act, MemberError};
use crate::tokens::delete::delete_all;
use crate::tokens::model::Via;
use crate::workspaces::model::Workspace;
use crate::workspaces::store::end_membership;

/// Ends a membership inside the caller's transaction, and deletes its tokens. Returns the user and how many tokens
/// stopped.
pub fn remove_member(
    conn: &mut Conn,
    workspace: &Workspace,
    user: &Id,
    act: &Act,
) -> Result<(User, usize), MemberError> {
    let member = lock_and_find(conn, workspace, user, act)?;
    keep_an_administrator(conn, workspace, &member)?;
    let stopped = delete_all(conn, &owner(&member, workspace), &act.deletion(Via::Removal))?;
    end_membership(conn, member.membership, act.at)?;
    invitations::store::delete_of(conn, &workspace.uuid, &member.user.uuid)?;
    act.event(workspace, &member, EventKind::MemberRemoved).record(conn)?;
    Ok((member.user, stopped))
}
