//! Members and errors about them.

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

/// A present member of a workspace.
#[derive(Debug, Clone)]
pub struct Member {
    pub(crate) membership: MembershipId,
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
pub struct MemberActor {
    pub(crate) by: Option<(PublicId, String, ClientInfo)>,
    pub(crate) at: Timestamp,
}

impl MemberActor {
    /// By an administrator, in a browser.
    #[must_use]
    pub fn new(administrator: &User, client: ClientInfo, at: Timestamp) -> Self {
        Self { by: Some((administrator.uuid, administrator.email.as_str().to_owned(), client)), at }
    }

    /// By the command line, which names nobody and may everything.
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
