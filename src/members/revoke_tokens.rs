//! Deletes members' tokens on behalf of an administrator.

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

/// Deletes all tokens of a member in the workspace, inside the caller's transaction. Returns the user and the number of
/// deleted tokens.
pub fn revoke_all(
    conn: &mut DbConnection,
    workspace: &Workspace,
    user: &PublicId,
    actor: &MemberActor,
) -> Result<(User, usize), MemberError> {
    let member = lock_and_find(conn, workspace, user, actor)?;
    let deleted = delete_all(conn, &owner(&member, workspace), &actor.deletion(DeletionSource::Administrator))?;
    Ok((member.user, deleted))
}

/// Deletes a token of any member of the workspace, inside the caller's transaction.
pub fn revoke(
    conn: &mut DbConnection,
    workspace: &Workspace,
    token: &PublicId,
    actor: &MemberActor,
) -> Result<DeleteOutcome, MemberError> {
    lock_workspace(conn, workspace.key)?;
    ensure_admin(conn, workspace, actor)?;
    match find_owner_in_workspace(conn, workspace, token)? {
        Some(owner) => Ok(delete(conn, &owner, token, &actor.deletion(DeletionSource::Administrator))?),
        None => Ok(DeleteOutcome::NotFound),
    }
}
