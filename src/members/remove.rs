//! Removes a member.

use crate::accounts::model::User;
use crate::audit::event::EventKind;
use crate::base::id::PublicId;
use crate::db::DbConnection;
use crate::members::checks::{ensure_not_last_admin, lock_and_find, owner};
use crate::members::invitations;
use crate::members::model::{MemberActor, MemberError};
use crate::tokens::delete::delete_all;
use crate::tokens::model::DeletionSource;
use crate::workspaces::model::Workspace;
use crate::workspaces::store::end_membership;

/// Ends a membership inside the caller's transaction, and deletes its tokens and open invitations. Returns the user and
/// the number of deleted tokens.
pub fn remove_member(
    conn: &mut DbConnection,
    workspace: &Workspace,
    user: &PublicId,
    actor: &MemberActor,
) -> Result<(User, usize), MemberError> {
    let member = lock_and_find(conn, workspace, user, actor)?;
    ensure_not_last_admin(conn, workspace, &member)?;
    let deleted = delete_all(conn, &owner(&member, workspace), &actor.deletion(DeletionSource::Removal))?;
    end_membership(conn, member.membership, actor.at)?;
    invitations::store::delete_of(conn, &workspace.uuid, &member.user.uuid)?;
    actor.event(workspace, &member, EventKind::MemberRemoved).record(conn)?;
    Ok((member.user, deleted))
}
