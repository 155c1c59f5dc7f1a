//! Who else is here: members come and go, and their tokens go with them.

pub mod invitations;

use crate::accounts::EmailAddress;
use crate::accounts::User;
use crate::accounts::store::user_by_email;
use crate::kernel::clock::Timestamp;
use crate::kernel::db::events::{Event, EventKind};
use crate::kernel::db::{Conn, DbError, FromDb};
use crate::tokens::{self, Deletion, Owner, Via};
use crate::workspaces::{Role, Workspace, store};

/// Why nobody was removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// Not a member.
    #[error("they are not a member of this workspace")]
    NotAMember,
    /// A workspace keeps an administrator.
    #[error("they are the only administrator of this workspace; add another first")]
    LastAdministrator,
    /// A query failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl FromDb for RemoveError {
    fn as_db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) => Some(error),
            Self::NotAMember | Self::LastAdministrator => None,
        }
    }
}

/// Ends a membership inside the caller's transaction, and deletes its tokens. Returns the user and how many tokens
/// stopped. From the command line, so nobody is named as having done it.
pub fn remove_member(
    conn: &mut Conn,
    workspace: &Workspace,
    email: &EmailAddress,
    now: Timestamp,
) -> Result<(User, usize), RemoveError> {
    store::lock_workspace(conn, workspace.key)?;
    let (user, _) = user_by_email(conn, email)?.ok_or(RemoveError::NotAMember)?;
    let (membership, role) =
        store::present_membership(conn, workspace.key, user.key)?.ok_or(RemoveError::NotAMember)?;
    if role == Role::Administrator && store::members_with_role(conn, workspace.key, role)?.len() == 1 {
        return Err(RemoveError::LastAdministrator);
    }
    let owner = Owner::new(membership, &user, &workspace.uuid);
    let stopped = tokens::delete_all(conn, &owner, &Deletion { via: Via::Removal, by: None, client: None, at: now })?;
    store::end_membership(conn, membership, now)?;
    let detail = format!("{} leaves", user.uuid);
    Event {
        workspace: Some(workspace.uuid.as_str()),
        detail: Some(&detail),
        ..Event::new(now, EventKind::MemberRemoved)
    }
    .record(conn)?;
    Ok((user, stopped))
}
