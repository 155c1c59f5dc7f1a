//! Checks that every change of a member makes inside its transaction.

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

/// The member, with the workspace's row locked: who is in it with what role stays so until the end of the transaction.
pub(crate) fn lock_and_find(
    conn: &mut DbConnection,
    workspace: &Workspace,
    user: &PublicId,
    act: &MemberActor,
) -> Result<Member, MemberError> {
    lock_workspace(conn, workspace.key)?;
    ensure_admin(conn, workspace, act)?;
    store::find(conn, workspace, user)?.ok_or(MemberError::NotAMember)
}

/// Of two administrators who remove each other at the same moment the second one is none any more.
pub(crate) fn ensure_admin(
    conn: &mut DbConnection,
    workspace: &Workspace,
    act: &MemberActor,
) -> Result<(), MemberError> {
    let Some((uuid, ..)) = &act.by else { return Ok(()) };
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

/// Would the workspace be left without an administrator who can sign in, if this member were none?
pub fn is_last_administrator(conn: &mut DbConnection, workspace: &Workspace, member: &Member) -> Result<bool, DbError> {
    if !member.role.is_admin() {
        return Ok(false);
    }
    let administrators = members_with_role(conn, workspace.key, Role::Administrator)?;
    Ok(!administrators.iter().any(|other| other.uuid != member.user.uuid && other.is_active))
}
