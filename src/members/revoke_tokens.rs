//! Delete members' tokens.

use crate::accounts::model::User;
use crate::base::id::Id;
use crate::db::Conn;
use crate::members::checks::{allow, lock_and_find, owner};
use crate::members::model::{Act, MemberError};
use crate::tokens::delete::{Deleted, delete, delete_all};
use crate::tokens::model::Via;
use crate::tokens::store::owner_in;
use crate::workspaces::model::Workspace;
use crate::workspaces::store::lock_workspace;

/// Deletes every token that a member has in the workspace, inside the caller's transaction. Returns the user and how
/// many stopped.
pub fn revoke_all(conn: &mut Conn, workspace: &Workspace, user: &Id, act: &Act) -> Result<(User, usize), MemberError> {
    let member = lock_and_find(conn, workspace, user, act)?;
    let stopped = delete_all(conn, &owner(&member, workspace), &act.deletion(Via::Administrator))?;
    Ok((member.user, stopped))
}

/// Deletes a token of the workspace, whosever it is, inside the caller's transaction.
pub fn revoke(conn: &mut Conn, workspace: &Workspace, token: &Id, act: &Act) -> Result<Deleted, MemberError> {
    lock_workspace(conn, workspace.key)?;
    allow(conn, workspace, act)?;
    match owner_in(conn, workspace, token)? {
        Some(owner) => Ok(delete(conn, &owner, token, &act.deletion(Via::Administrator))?),
        None => Ok(Deleted::Missing),
    }
}
