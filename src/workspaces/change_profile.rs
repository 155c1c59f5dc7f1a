//! Changes the profile of a workspace.

use crate::audit::actor::Actor;
use crate::audit::event::{Event, EventKind};
use crate::db::{DbConnection, DbError};
use crate::workspaces::checks::lock_and_check_admin;
use crate::workspaces::model::Workspace;
use crate::workspaces::profile::Profile;
use crate::workspaces::store;

/// The reason a profile was not changed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChangeProfileError {
    /// The user is no longer an administrator of the workspace.
    #[error("not an administrator of this workspace")]
    NotAllowed,
    #[error("{0}")]
    Db(#[from] DbError),
}

/// Changes a workspace's profile inside the caller's transaction. An identical profile writes nothing and records no
/// event.
pub(super) fn change_profile(
    conn: &mut DbConnection,
    workspace: &Workspace,
    profile: &Profile,
    actor: &Actor,
) -> Result<(), ChangeProfileError> {
    if !lock_and_check_admin(conn, workspace, actor)? {
        return Err(ChangeProfileError::NotAllowed);
    }
    // The profile is read under the lock: another request may have changed it since this one began.
    let before = store::workspace_by_uuid(conn, &workspace.uuid)?.ok_or(ChangeProfileError::NotAllowed)?.profile;
    if before == *profile {
        return Ok(());
    }
    store::update_profile(conn, workspace.key, profile)?;
    Event {
        workspace: Some(&workspace.uuid),
        detail: Some(&profile.describe_changes(&before)),
        ..actor.event(EventKind::WorkspaceChanged)
    }
    .record(conn)?;
    Ok(())
}
