//! Add a member.

use crate::accounts::model::User;
use crate::audit::event::{Event, EventKind};
use crate::base::clock::Timestamp;
use crate::db::{DbConnection, DbError, FromDb};
use crate::workspaces::model::{Workspace, WorkspaceActor};
use crate::workspaces::profile::Role;
use crate::workspaces::store;

/// Why somebody did not become a member.
#[derive(Debug, thiserror::Error)]
pub enum AddMemberError {
    /// They are one, with this role.
    #[error("they are a member already, as {0}")]
    IsMember(Role),
    /// A query failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl FromDb for AddMemberError {
    fn as_db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) => Some(error),
            Self::IsMember(_) => None,
        }
    }
}

/// Makes a user a member inside the caller's transaction. Coming back opens a new membership: nothing revives.
pub fn add_member(
    conn: &mut DbConnection,
    workspace: &Workspace,
    user: &User,
    role: Role,
    by: Option<WorkspaceActor<'_>>,
    now: Timestamp,
) -> Result<(), AddMemberError> {
    store::lock_workspace(conn, workspace.key)?;
    if let Some((_, present)) = store::find_active_membership(conn, workspace.key, user.key)? {
        return Err(AddMemberError::IsMember(present));
    }
    store::insert_membership(conn, workspace.key, user.key, role, now)?;
    Event {
        actor: by.map(|by| by.user.as_str()),
        subject: Some(user.uuid.as_str()),
        workspace: Some(workspace.uuid.as_str()),
        client: by.map(|by| by.client),
        detail: Some(role.as_str()),
        ..Event::new(now, EventKind::MemberAdded)
    }
    .record(conn)?;
    Ok(())
}
