//! Change the profile of a workspace.

use crate::accounts::model::User;
use crate::audit::event::{Event, EventKind};
use crate::base::client_info::Client;
use crate::base::clock::Timestamp;
use crate::db::{Conn, DbError, FromDb};
use crate::workspaces::model::Workspace;
use crate::workspaces::profile::Profile;
use crate::workspaces::store;

/// Why nothing was changed about a workspace.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// Who wanted it is no administrator of it any more.
    #[error("not an administrator of this workspace")]
    NotAllowed,
    /// A query failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl FromDb for ChangeError {
    fn as_db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) => Some(error),
            Self::NotAllowed => None,
        }
    }
}

/// Changes what a workspace says of itself inside the caller's transaction. Saying the same again changes nothing.
pub fn change_profile(
    conn: &mut Conn,
    workspace: &Workspace,
    profile: &Profile,
    administrator: &User,
    client: &Client,
    now: Timestamp,
) -> Result<(), ChangeError> {
    store::lock_workspace(conn, workspace.key)?;
    // Both as they are now: somebody else may have changed the person's role, or the workspace, since the request began.
    match store::present_membership(conn, workspace.key, administrator.key)? {
        Some((_, role)) if role.administrates() => {}
        Some(_) | None => return Err(ChangeError::NotAllowed),
    }
    let before = store::workspace_by_uuid(conn, &workspace.uuid)?.ok_or(ChangeError::NotAllowed)?.profile;
    if before == *profile {
        return Ok(());
    }
    store::update_profile(conn, workspace.key, profile)?;
    Event {
        actor: Some(administrator.uuid.as_str()),
        workspace: Some(workspace.uuid.as_str()),
        client: Some(client),
        detail: Some(&profile.differences(&before)),
        ..Event::new(now, EventKind::WorkspaceChanged)
    }
    .record(conn)?;
    Ok(())
}
