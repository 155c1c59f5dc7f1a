//! Ends all access and rights that were granted with a user's old credentials. Tokens are unchanged.

use crate::accounts::model::{CredentialsGeneration, User};
use crate::accounts::one_time_links::store as links;
use crate::accounts::{session_store, store};
use crate::audit::actor::Actor;
use crate::audit::event::{Event, EventKind};
use crate::base::id::PublicId;
use crate::db::{DbConnection, DbError};

/// The result of [`revoke_access`].
#[derive(Debug, Clone, Copy)]
pub struct RevokedAccess {
    pub generation: CredentialsGeneration,
    /// The number of ended sessions.
    pub sessions: usize,
    /// The number of revoked invitations.
    pub invitations: usize,
}

/// Starts a new generation of the user's credentials inside the caller's transaction, which makes sessions invalid that
/// a concurrent login saves later. Ends the sessions except `current`, deletes password reset links for the user and by the
/// user, and revokes the open invitations that the user created. The caller records the event of the change itself.
pub(crate) fn revoke_access(
    conn: &mut DbConnection,
    user: &User,
    current: Option<&PublicId>,
    actor: &Actor,
) -> Result<RevokedAccess, DbError> {
    let generation = store::advance_generation(conn, user.key)?;
    let sessions = session_store::end_others(conn, user.key, current)?;
    links::delete_reset_links(conn, &user.uuid)?;
    links::delete_reset_links_by(conn, &user.uuid)?;
    let invitations = links::delete_invitations_by(conn, &user.uuid)?;
    for (invitation, workspace) in &invitations {
        Event {
            actor: Some(&user.uuid),
            workspace: workspace.as_ref(),
            detail: Some(&format!("invitation {invitation} with sessions")),
            ..actor.event(EventKind::InvitationRevoked)
        }
        .record(conn)?;
    }
    Ok(RevokedAccess { generation, sessions, invitations: invitations.len() })
}
