//! Delete members' tokens.

use crate::accounts::model::User;
use crate::base::id::PublicId;
use crate::db::DbConnection;
use crate::members::checks::{ensure_admin, lock_and_find, owner};
use crate::members::model::{MemberActor, MemberError};
use crate::tokens::delete::{DeleteOutcome, delete, delete_all};
use crate::tokens::model::DeletionSource;
use crate::tokens::store::find_owner_in_workspace;
use crate::workspaces::model::Workspace;
use crate::workspaces::store::lock_workspace;

/// Deletes every token that a member has in the workspace, inside the caller's transaction. Returns the user and how
/// many stopped.
pub fn revoke_all(
    conn: &mut DbConnection,
    workspace: &Workspace,
    user: &PublicId,
    act: &MemberActor,
) -> Result<(User, usize), MemberError> {
    let member = lock_and_find(conn, workspace, user, act)?;
    let stopped = delete_all(conn, &owner(&member, workspace), &act.deletion(DeletionSource::Administrator))?;
    Ok((member.user, stopped))
}

/// Deletes a token of the workspace, whosever it is, inside the caller's transaction.
pub fn revoke(
    conn: &mut DbConnection,
    workspace: &Workspace,
    token: &PublicId,
    act: &MemberActor,
) -> Result<DeleteOutcome, MemberError> {
    lock_workspace(conn, workspace.key)?;
    ensure_admin(conn, workspace, act)?;
    match find_owner_in_workspace(conn, workspace, token)? {
        Some(owner) => Ok(delete(conn, &owner, token, &act.deletion(DeletionSource::Administrator))?),
        None => Ok(DeleteOutcome::NotFound),
    }
}
