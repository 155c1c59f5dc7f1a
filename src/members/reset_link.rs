//! Creates a password reset link for a member.

use crate::accounts::model::CredentialsGeneration;
use crate::accounts::one_time_links::NewLink;
use crate::accounts::password_reset::{ResetError, insert_link};
use crate::accounts::store::lock_generation;
use crate::audit::actor::Actor;
use crate::audit::event::{Event, EventKind};
use crate::base::id::PublicId;
use crate::db::{DbConnection, DbError};
use crate::members::checks::lock_and_find;
use crate::members::model::MemberError;
use crate::workspaces::model::Workspace;
use crate::workspaces::reset_authority::may_reset;

/// The reason a link was not created.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResetLinkError {
    /// The actor may not create a link for this member, or their session has ended.
    #[error("the user may not create a password reset link for this member")]
    NotAllowed,
    #[error(transparent)]
    Reset(#[from] ResetError),
    #[error(transparent)]
    Member(#[from] MemberError),
    #[error("{0}")]
    Db(#[from] DbError),
}

/// Inserts a link for the member inside the caller's transaction, deletes earlier ones, and records the event. `generation`
/// is that of the actor's session: a request that began before a change of the credentials must not create a link after it.
pub(crate) fn create_reset_link(
    conn: &mut DbConnection,
    workspace: &Workspace,
    member: &PublicId,
    link: &NewLink,
    generation: CredentialsGeneration,
    actor: &Actor,
) -> Result<(), ResetLinkError> {
    let member = lock_and_find(conn, workspace, member, actor)?;
    let acting = actor.user.as_ref().ok_or(ResetLinkError::NotAllowed)?;
    if !lock_generation(conn, &acting.uuid, generation)? || !may_reset(conn, &acting.uuid, &member.user)? {
        return Err(ResetLinkError::NotAllowed);
    }
    insert_link(conn, &member.user, link)?;
    let (subject, workspace) = (Some(&member.user.uuid), Some(&workspace.uuid));
    Event { subject, workspace, ..actor.event(EventKind::MemberResetLinkCreated) }.record(conn)?;
    Ok(())
}
