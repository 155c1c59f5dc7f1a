//! Checks inside the transaction of each change to a member.

use crate::base::id::PublicId;
use crate::db::{DbConnection, DbError};
use crate::members::model::{Member, MemberActor, MemberError};
use crate::members::store;
use crate::tokens::model::TokenOwner;
use crate::workspaces::model::Workspace;
use crate::workspaces::profile::Role;
use crate::workspaces::store::{lock_workspace, members_with_role};

pub(crate) fn owner(member: &Member, workspace: &Workspace) -> TokenOwner {
    TokenOwner::new(member.membership, &member.user, &workspace.uuid)
}

/// Locks the workspace's row, checks the actor, and finds the member. Memberships and roles of the workspace do not
/// change until the end of the transaction.
pub(crate) fn lock_and_find(
    conn: &mut DbConnection,
    workspace: &Workspace,
    user: &PublicId,
    actor: &MemberActor,
) -> Result<Member, MemberError> {
    lock_workspace(conn, workspace.key)?;
    ensure_admin(conn, workspace, actor)?;
    store::find(conn, workspace, user)?.ok_or(MemberError::NotAMember)
}

/// Checks that the actor is an administrator now: a concurrent transaction may have removed or demoted them.
pub(crate) fn ensure_admin(
    conn: &mut DbConnection,
    workspace: &Workspace,
    actor: &MemberActor,
) -> Result<(), MemberError> {
    let Some((uuid, ..)) = &actor.by else { return Ok(()) };
    match store::find(conn, workspace, uuid)? {
        Some(member) if member.role.is_admin() => Ok(()),
        Some(_) | None => Err(MemberError::NotAllowed),
    }
}

pub(crate) fn ensure_not_last_admin(
    conn: &mut DbConnection,
    workspace: &Workspace,
    member: &Member,
) -> Result<(), MemberError> {
    if is_last_administrator(conn, workspace, member)? { Err(MemberError::LastAdministrator) } else { Ok(()) }
}

/// Returns whether the member is the only administrator with an active account.
pub fn is_last_administrator(conn: &mut DbConnection, workspace: &Workspace, member: &Member) -> Result<bool, DbError> {
    if !member.role.is_admin() {
        return Ok(false);
    }
    let administrators = members_with_role(conn, workspace.key, Role::Administrator)?;
    Ok(!administrators.iter().any(|other| other.uuid != member.user.uuid && other.is_active))
}
