//! Who else is here: members come and go and change their roles, and their tokens go with that; who has which tokens,
//! and what happened.

pub mod activity;
pub mod invitations;
pub mod oversight;
pub mod pages;
pub mod sentence;
pub mod store;

use crate::accounts::User;
use crate::kernel::clock::Timestamp;
use crate::kernel::db::events::{Event, EventKind};
use crate::kernel::db::{Conn, DbError, FromDb};
use crate::kernel::id::Id;
use crate::kernel::web::client::Client;
use crate::tokens::store::owner_in;
use crate::tokens::{self, Deleted, Deletion, Owner, Via};
use crate::workspaces::store::{MembershipKey, end_membership, lock_workspace, members_with_role};
use crate::workspaces::{Role, Workspace};

/// A present member of a workspace.
#[derive(Debug, Clone)]
pub struct TeamMember {
    pub(crate) membership: MembershipKey,
    /// Who.
    pub user: User,
    /// What they may do.
    pub role: Role,
    /// Since when.
    pub since: Timestamp,
    /// When a browser of theirs that is still signed in last opened a page of this server, to the hour.
    pub last_seen: Option<Timestamp>,
}

/// Who changes something about a member, from where and when.
#[derive(Debug, Clone)]
pub struct Act {
    by: Option<(Id, String, Client)>,
    at: Timestamp,
}

impl Act {
    /// By an administrator, in a browser.
    #[must_use]
    pub fn of(administrator: &User, client: Client, at: Timestamp) -> Self {
        Self { by: Some((administrator.uuid, administrator.email.as_str().to_owned(), client)), at }
    }

    /// By the command line, which names nobody and may everything.
    #[must_use]
    pub fn of_command_line(at: Timestamp) -> Self {
        Self { by: None, at }
    }

    fn deletion(&self, via: Via) -> Deletion {
        let by = self.by.as_ref().map(|(uuid, email, _)| (*uuid, email.clone()));
        Deletion { via, by, client: self.by.as_ref().map(|(.., client)| client.clone()), at: self.at }
    }

    fn event<'a>(&'a self, workspace: &'a Workspace, member: &'a TeamMember, kind: EventKind) -> Event<'a> {
        Event {
            actor: self.by.as_ref().map(|(uuid, ..)| uuid.as_str()),
            subject: Some(member.user.uuid.as_str()),
            workspace: Some(workspace.uuid.as_str()),
            client: self.by.as_ref().map(|(.., client)| client),
            ..Event::new(self.at, kind)
        }
    }
}

/// Why nothing was changed about a member.
#[derive(Debug, thiserror::Error)]
pub enum MemberError {
    /// Who wanted it is no administrator any more.
    #[error("only administrators can do this")]
    NotAllowed,
    /// Not a member.
    #[error("they are not a member of this workspace")]
    NotAMember,
    /// A workspace keeps an administrator who can sign in.
    #[error("they are the only administrator of this workspace; make somebody else administrator first")]
    LastAdministrator,
    /// A query failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl FromDb for MemberError {
    fn as_db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) => Some(error),
            Self::NotAllowed | Self::NotAMember | Self::LastAdministrator => None,
        }
    }
}

/// Ends a membership inside the caller's transaction, and deletes its tokens. Returns the user and how many tokens
/// stopped.
pub fn remove_member(
    conn: &mut Conn,
    workspace: &Workspace,
    user: &Id,
    act: &Act,
) -> Result<(User, usize), MemberError> {
    let member = lock_and_find(conn, workspace, user, act)?;
    keep_an_administrator(conn, workspace, &member)?;
    let stopped = tokens::delete_all(conn, &owner(&member, workspace), &act.deletion(Via::Removal))?;
    end_membership(conn, member.membership, act.at)?;
    invitations::store::delete_of(conn, &workspace.uuid, &member.user.uuid)?;
    act.event(workspace, &member, EventKind::MemberRemoved).record(conn)?;
    Ok((member.user, stopped))
}

/// What became of a role.
#[derive(Debug, Clone)]
pub struct RoleChange {
    /// Whose.
    pub user: User,
    /// What it was.
    pub from: Role,
    /// How many of their tokens stopped.
    pub stopped: usize,
}

/// Gives a member another role inside the caller's transaction. One without tokens deletes those they have: getting the
/// role back later brings none of them back.
pub fn change_role(
    conn: &mut Conn,
    workspace: &Workspace,
    user: &Id,
    role: Role,
    act: &Act,
) -> Result<RoleChange, MemberError> {
    let member = lock_and_find(conn, workspace, user, act)?;
    let from = member.role;
    if role == from {
        return Ok(RoleChange { user: member.user, from, stopped: 0 });
    }
    keep_an_administrator(conn, workspace, &member)?;
    store::set_role(conn, member.membership, role)?;
    // Who may invite no more has left no door open either, whatever they become later.
    invitations::store::delete_of(conn, &workspace.uuid, &member.user.uuid)?;
    let stopped = if role.has_tokens() {
        0
    } else {
        tokens::delete_all(conn, &owner(&member, workspace), &act.deletion(Via::Demotion))?
    };
    let detail = format!("{from} to {role}");
    Event { detail: Some(&detail), ..act.event(workspace, &member, EventKind::MemberRoleChanged) }.record(conn)?;
    Ok(RoleChange { user: member.user, from, stopped })
}

/// Deletes every token that a member has in the workspace, inside the caller's transaction. Returns the user and how
/// many stopped.
pub fn revoke_all(conn: &mut Conn, workspace: &Workspace, user: &Id, act: &Act) -> Result<(User, usize), MemberError> {
    let member = lock_and_find(conn, workspace, user, act)?;
    let stopped = tokens::delete_all(conn, &owner(&member, workspace), &act.deletion(Via::Administrator))?;
    Ok((member.user, stopped))
}

/// Deletes a token of the workspace, whosever it is, inside the caller's transaction.
pub fn revoke(conn: &mut Conn, workspace: &Workspace, token: &Id, act: &Act) -> Result<Deleted, MemberError> {
    lock_workspace(conn, workspace.key)?;
    allow(conn, workspace, act)?;
    match owner_in(conn, workspace, token)? {
        Some(owner) => Ok(tokens::delete(conn, &owner, token, &act.deletion(Via::Administrator))?),
        None => Ok(Deleted::Missing),
    }
}

fn owner(member: &TeamMember, workspace: &Workspace) -> Owner {
    Owner::new(member.membership, &member.user, &workspace.uuid)
}

/// The member, with the workspace's row locked: who is in it with what role stays so until the end of the transaction.
fn lock_and_find(conn: &mut Conn, workspace: &Workspace, user: &Id, act: &Act) -> Result<TeamMember, MemberError> {
    lock_workspace(conn, workspace.key)?;
    allow(conn, workspace, act)?;
    store::find(conn, workspace, user)?.ok_or(MemberError::NotAMember)
}

/// Of two administrators who remove each other at the same moment the second one is none any more.
fn allow(conn: &mut Conn, workspace: &Workspace, act: &Act) -> Result<(), MemberError> {
    let Some((uuid, ..)) = &act.by else { return Ok(()) };
    match store::find(conn, workspace, uuid)? {
        Some(member) if member.role.administrates() => Ok(()),
        Some(_) | None => Err(MemberError::NotAllowed),
    }
}

fn keep_an_administrator(conn: &mut Conn, workspace: &Workspace, member: &TeamMember) -> Result<(), MemberError> {
    if is_last_administrator(conn, workspace, member)? { Err(MemberError::LastAdministrator) } else { Ok(()) }
}

/// Would the workspace be left without an administrator who can sign in, if this member were none?
pub fn is_last_administrator(conn: &mut Conn, workspace: &Workspace, member: &TeamMember) -> Result<bool, DbError> {
    if !member.role.administrates() {
        return Ok(false);
    }
    let administrators = members_with_role(conn, workspace.key, Role::Administrator)?;
    Ok(!administrators.iter().any(|other| other.uuid != member.user.uuid && other.is_active))
}
