//! Adds a member to a workspace.

use crate::accounts::model::User;
use crate::audit::actor::Actor;
use crate::audit::event::{Event, EventKind};
use crate::db::{DbConnection, DbError};
use crate::workspaces::model::{Role, Workspace};
use crate::workspaces::store;

/// The reason a member was not added.
#[derive(Debug, thiserror::Error)]
pub enum AddMemberError {
    /// The user already is a member, with this role.
    #[error("the user is already a member, as {0}")]
    IsMember(Role),
    #[error("{0}")]
    Db(#[from] DbError),
}

/// Adds a user to a workspace inside the caller's transaction. A former member gets a new membership; tokens of the old
/// one stay deleted.
pub fn add_member(
    conn: &mut DbConnection,
    workspace: &Workspace,
    user: &User,
    role: Role,
    actor: &Actor,
) -> Result<(), AddMemberError> {
    store::lock_workspace(conn, workspace.key)?;
    if let Some(current) = store::find_role(conn, workspace.key, &user.uuid)? {
        return Err(AddMemberError::IsMember(current));
    }
    store::insert_membership(conn, workspace.key, user.key, role, actor.at)?;
    Event {
        subject: Some(&user.uuid),
        workspace: Some(&workspace.uuid),
        detail: Some(role.as_str()),
        ..actor.event(EventKind::MemberAdded)
    }
    .record(conn)?;
    Ok(())
}
