//! The access check inside the transaction of each change to a workspace.

use crate::audit::actor::Actor;
use crate::db::{DbConnection, DbError};
use crate::workspaces::model::{Role, Workspace};
use crate::workspaces::store::{find_role, lock_workspace};

/// Locks the workspace's row, and returns whether the actor is an administrator or the command line. Roles do not change
/// until the end of the transaction; a concurrent one may have removed or demoted the actor since the request began.
pub(crate) fn lock_and_check_admin(
    conn: &mut DbConnection,
    workspace: &Workspace,
    actor: &Actor,
) -> Result<bool, DbError> {
    lock_workspace(conn, workspace.key)?;
    match &actor.user {
        Some(user) => Ok(find_role(conn, workspace.key, &user.uuid)?.is_some_and(Role::is_admin)),
        None => Ok(true),
    }
}
