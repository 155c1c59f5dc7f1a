//! Checks inside the transaction of each change to a member.

use crate::audit::actor::Actor;
use crate::base::id::PublicId;
use crate::db::{DbConnection, DbError};
use crate::members::model::{Member, MemberError};
use crate::members::store;
use crate::tokens::model::TokenOwner;
use crate::workspaces::checks::lock_and_check_admin;
use crate::workspaces::model::{Role, Workspace};
use crate::workspaces::store::members_with_role;

pub(crate) fn owner(member: &Member, workspace: &Workspace) -> TokenOwner {
    TokenOwner::new(member.membership, &member.user, &workspace.uuid)
}

/// Locks the workspace's row and checks that the actor is an administrator now.
pub(crate) fn lock_and_check(conn: &mut DbConnection, workspace: &Workspace, actor: &Actor) -> Result<(), MemberError> {
    if lock_and_check_admin(conn, workspace, actor)? { Ok(()) } else { Err(MemberError::NotAllowed) }
}

/// Locks the workspace's row, checks the actor, and finds the member. Memberships and roles of the workspace do not
/// change until the end of the transaction.
pub(crate) fn lock_and_find(
    conn: &mut DbConnection,
    workspace: &Workspace,
    user: &PublicId,
    actor: &Actor,
) -> Result<Member, MemberError> {
    lock_and_check(conn, workspace, actor)?;
    store::find(conn, workspace, user)?.ok_or(MemberError::NotAMember)
}

pub(crate) fn ensure_not_last_admin(
    conn: &mut DbConnection,
    workspace: &Workspace,
    member: &Member,
) -> Result<(), MemberError> {
    if is_last_administrator(conn, workspace, member)? { Err(MemberError::LastAdministrator) } else { Ok(()) }
}

/// Returns whether the member is the only administrator with an active account.
pub(super) fn is_last_administrator(
    conn: &mut DbConnection,
    workspace: &Workspace,
    member: &Member,
) -> Result<bool, DbError> {
    if !member.role.is_admin() {
        return Ok(false);
    }
    let administrators = members_with_role(conn, workspace.key, Role::Administrator)?;
    Ok(!administrators.iter().any(|other| other.uuid != member.user.uuid && other.is_active))
}
