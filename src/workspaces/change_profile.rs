//! Changes the profile of a workspace.

use crate::accounts::model::User;
use crate::audit::event::{Event, EventKind};
use crate::base::client_info::ClientInfo;
use crate::base::clock::Timestamp;
use crate::db::{DbConnection, DbError, FromDb};
use crate::workspaces::model::Workspace;
use crate::workspaces::profile::Profile;
use crate::workspaces::store;

/// The reason a profile was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeProfileError {
    /// The user is no longer an administrator of the workspace.
    #[error("not an administrator of this workspace")]
    NotAllowed,
    /// A query failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl FromDb for ChangeProfileError {
    fn as_db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) => Some(error),
            Self::NotAllowed => None,
        }
    }
}

/// Changes a workspace's profile inside the caller's transaction. An identical profile writes nothing and records no
/// event.
pub fn change_profile(
    conn: &mut DbConnection,
    workspace: &Workspace,
    profile: &Profile,
    administrator: &User,
    client: &ClientInfo,
    now: Timestamp,
) -> Result<(), ChangeProfileError> {
    store::lock_workspace(conn, workspace.key)?;
    // Role and profile are read under the lock: another request may have changed them since this one began.
    match store::find_active_membership(conn, workspace.key, administrator.key)? {
        Some((_, role)) if role.is_admin() => {}
        Some(_) | None => return Err(ChangeProfileError::NotAllowed),
    }
    let before = store::workspace_by_uuid(conn, &workspace.uuid)?.ok_or(ChangeProfileError::NotAllowed)?.profile;
    if before == *profile {
        return Ok(());
    }
    store::update_profile(conn, workspace.key, profile)?;
    Event {
        actor: Some(administrator.uuid.as_str()),
        workspace: Some(workspace.uuid.as_str()),
        client: Some(client),
        detail: Some(&profile.describe_changes(&before)),
        ..Event::new(now, EventKind::WorkspaceChanged)
    }
    .record(conn)?;
    Ok(())
}
