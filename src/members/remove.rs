//! Removes a member.

use crate::accounts::model::User;
use crate::audit::actor::Actor;
use crate::audit::event::{Event, EventKind};
use crate::base::id::PublicId;
use crate::db::DbConnection;
use crate::members::checks::{ensure_not_last_admin, lock_and_find, owner};
use crate::members::invitations;
use crate::members::model::MemberError;
use crate::tokens::delete::delete_all;
use crate::tokens::model::DeletionSource;
use crate::workspaces::model::Workspace;
use crate::workspaces::store::end_membership;

/// Ends a membership inside the caller's transaction, and deletes its tokens and open invitations. Returns the user and
/// the number of deleted tokens.
pub(crate) fn remove_member(
    conn: &mut DbConnection,
    workspace: &Workspace,
    user: &PublicId,
    actor: &Actor,
) -> Result<(User, usize), MemberError> {
    let member = lock_and_find(conn, workspace, user, actor)?;
    ensure_not_last_admin(conn, workspace, &member)?;
    let deleted = delete_all(conn, &owner(&member, workspace), DeletionSource::Removal, actor)?;
    end_membership(conn, member.membership, actor.at)?;
    invitations::store::delete_by_inviter(conn, &workspace.uuid, &member.user.uuid)?;
    Event {
        subject: Some(&member.user.uuid),
        workspace: Some(&workspace.uuid),
        ..actor.event(EventKind::MemberRemoved)
    }
    .record(conn)?;
    Ok((member.user, deleted))
}
