//! Decides who may change a user's email address, and who may vouch for one.
//!
//! A verified address counts in every workspace of the server, and any administrator can create a workspace and invite people
//! into it. So the word of an administrator counts only if every workspace has given them this role. No one vouches for their
//! own address.

use crate::accounts::model::User;
use crate::db::{DbConnection, DbError};
use crate::workspaces::model::Membership;
use crate::workspaces::store::{count_workspaces, list_memberships};

/// What a user may do with an email address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EmailAuthority {
    /// Nothing.
    None,
    /// Change it. The new address is not verified.
    Change,
    /// Change and verify it.
    Verify,
}

impl EmailAuthority {
    /// Returns what `actor` may do with the address of `owner`. The actor must be an administrator of all workspaces of the
    /// owner, who has at least one.
    pub(crate) fn over(conn: &mut DbConnection, actor: &User, owner: &User) -> Result<Self, DbError> {
        let administered = list_administered(conn, actor)?;
        let memberships = list_memberships(conn, owner.key)?;
        let administers = |it: &Membership| administered.iter().any(|own| own.workspace.key == it.workspace.key);
        Ok(if !actor.is_active || memberships.is_empty() || !memberships.iter().all(administers) {
            Self::None
        } else if actor.key != owner.key && is_every_workspace(conn, &administered)? {
            Self::Verify
        } else {
            Self::Change
        })
    }

    /// Returns whether a user with these memberships may change their own address.
    pub(crate) fn can_change_own(memberships: &[Membership]) -> bool {
        !memberships.is_empty() && memberships.iter().all(|membership| membership.role.is_admin())
    }
}

/// Returns whether the user can vouch for the addresses of others: they are an administrator of every workspace of the server.
pub(crate) fn can_vouch(conn: &mut DbConnection, user: &User) -> Result<bool, DbError> {
    let administered = list_administered(conn, user)?;
    Ok(user.is_active && is_every_workspace(conn, &administered)?)
}

fn list_administered(conn: &mut DbConnection, user: &User) -> Result<Vec<Membership>, DbError> {
    let mut memberships = list_memberships(conn, user.key)?;
    memberships.retain(|membership| membership.role.is_admin());
    Ok(memberships)
}

/// A user has at most one active membership in a workspace.
fn is_every_workspace(conn: &mut DbConnection, administered: &[Membership]) -> Result<bool, DbError> {
    Ok(usize::try_from(count_workspaces(conn)?) == Ok(administered.len()))
}
