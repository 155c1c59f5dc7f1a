//! Adds a member to a workspace.

use crate::accounts::model::User;
use crate::audit::event::{Event, EventKind};
use crate::base::clock::Timestamp;
use crate::db::{DbConnection, DbError, FromDb};
use crate::workspaces::model::{Workspace, WorkspaceActor};
use crate::workspaces::profile::Role;
use crate::workspaces::store;

/// The reason a member was not added.
#[derive(Debug, thiserror::Error)]
pub enum AddMemberError {
    /// The user already is a member, with this role.
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

/// Adds a user to a workspace inside the caller's transaction. A former member gets a new membership; tokens of the old
/// one stay deleted.
pub fn add_member(
    conn: &mut DbConnection,
    workspace: &Workspace,
    user: &User,
    role: Role,
    by: Option<WorkspaceActor<'_>>,
    now: Timestamp,
) -> Result<(), AddMemberError> {
    store::lock_workspace(conn, workspace.key)?;
    if let Some((_, current)) = store::find_active_membership(conn, workspace.key, user.key)? {
        return Err(AddMemberError::IsMember(current));
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
