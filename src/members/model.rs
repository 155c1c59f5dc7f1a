//! Types of members and their changes. No queries.

use crate::accounts::model::User;
use crate::audit::event::{Event, EventKind};
use crate::base::client_info::ClientInfo;
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::db::ids::MembershipId;
use crate::db::{DbError, FromDb};
use crate::tokens::model::{Deletion, DeletionSource};
use crate::workspaces::model::Workspace;
use crate::workspaces::profile::Role;

/// An active member of a workspace.
#[derive(Debug, Clone)]
pub struct Member {
    pub(crate) membership: MembershipId,
    /// The user.
    pub user: User,
    /// The member's role.
    pub role: Role,
    /// The start of the membership.
    pub since: Timestamp,
    /// The last page view of the user's active sessions on this server, to the hour.
    pub last_seen: Option<Timestamp>,
}

/// The actor of a change to a member, with client and time.
#[derive(Debug, Clone)]
pub struct MemberActor {
    pub(crate) by: Option<(PublicId, String, ClientInfo)>,
    pub(crate) at: Timestamp,
}

impl MemberActor {
    /// Creates the actor for an administrator in a browser.
    #[must_use]
    pub fn new(administrator: &User, client: ClientInfo, at: Timestamp) -> Self {
        Self { by: Some((administrator.uuid, administrator.email.as_str().to_owned(), client)), at }
    }

    /// Creates the actor for the command line, which names no user and passes every access check.
    #[must_use]
    pub fn command_line(at: Timestamp) -> Self {
        Self { by: None, at }
    }

    pub(crate) fn deletion(&self, via: DeletionSource) -> Deletion {
        let by = self.by.as_ref().map(|(uuid, email, _)| (*uuid, email.clone()));
        Deletion { via, by, client: self.by.as_ref().map(|(.., client)| client.clone()), at: self.at }
    }

    pub(crate) fn event<'a>(&'a self, workspace: &'a Workspace, member: &'a Member, kind: EventKind) -> Event<'a> {
        Event {
            actor: self.by.as_ref().map(|(uuid, ..)| uuid.as_str()),
            subject: Some(member.user.uuid.as_str()),
            workspace: Some(workspace.uuid.as_str()),
            client: self.by.as_ref().map(|(.., client)| client),
            ..Event::new(self.at, kind)
        }
    }
}

/// The reason a member was not changed.
#[derive(Debug, thiserror::Error)]
pub enum MemberError {
    /// The actor is no longer an administrator.
    #[error("only administrators can do this")]
    NotAllowed,
    /// The user is not a member of the workspace.
    #[error("they are not a member of this workspace")]
    NotAMember,
    /// The member is the only administrator who can sign in.
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
