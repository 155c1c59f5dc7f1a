//! Deletes members' tokens on behalf of an administrator.

use crate::accounts::model::User;
use crate::audit::actor::Actor;
use crate::base::id::PublicId;
use crate::db::DbConnection;
use crate::members::checks::{lock_and_check, lock_and_find, owner};
use crate::members::model::MemberError;
use crate::tokens::delete::{DeleteOutcome, delete, delete_all};
use crate::tokens::model::DeletionSource;
use crate::tokens::owner_store::{find_owner_in_workspace, find_owners_in_workspace};
use crate::workspaces::model::Workspace;

/// Deletes all tokens of a member in the workspace, inside the caller's transaction. Returns the user and the number of
/// deleted tokens.
pub(crate) fn revoke_all(
    conn: &mut DbConnection,
    workspace: &Workspace,
    user: &PublicId,
    actor: &Actor,
) -> Result<(User, usize), MemberError> {
    let member = lock_and_find(conn, workspace, user, actor)?;
    let deleted = delete_all(conn, &owner(&member, workspace), DeletionSource::Administrator, actor)?;
    Ok((member.user, deleted))
}

/// Deletes a token of any member of the workspace, inside the caller's transaction.
pub(crate) fn revoke(
    conn: &mut DbConnection,
    workspace: &Workspace,
    token: &PublicId,
    actor: &Actor,
) -> Result<DeleteOutcome, MemberError> {
    lock_and_check(conn, workspace, actor)?;
    match find_owner_in_workspace(conn, workspace, token)? {
        Some(owner) => Ok(delete(conn, &owner, token, DeletionSource::Administrator, actor)?),
        None => Ok(DeleteOutcome::NotFound),
    }
}

/// The number of tokens by the outcome of their revocation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RevokedTokens {
    pub revoked: usize,
    pub already_deleted: usize,
    /// Not tokens of the workspace.
    pub unknown: usize,
}

/// Deletes tokens of any members of the workspace, inside the caller's transaction.
pub(crate) fn revoke_selected(
    conn: &mut DbConnection,
    workspace: &Workspace,
    tokens: &[PublicId],
    actor: &Actor,
) -> Result<RevokedTokens, MemberError> {
    lock_and_check(conn, workspace, actor)?;
    let owners = find_owners_in_workspace(conn, workspace, tokens)?;
    let mut outcome = RevokedTokens { unknown: tokens.len().saturating_sub(owners.len()), ..RevokedTokens::default() };
    for (token, owner) in &owners {
        match delete(conn, owner, token, DeletionSource::Administrator, actor)? {
            DeleteOutcome::Deleted(_) => outcome.revoked += 1,
            DeleteOutcome::AlreadyDeleted(_) => outcome.already_deleted += 1,
            DeleteOutcome::NotFound => outcome.unknown += 1,
        }
    }
    Ok(outcome)
}
