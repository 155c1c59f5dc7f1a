//! The actor of a change: user, client and time.

use crate::audit::event::{Event, EventKind};
use crate::base::client_info::ClientInfo;
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;

/// The user of an [`Actor`].
#[derive(Debug, Clone)]
pub(crate) struct ActingUser {
    pub(crate) uuid: PublicId,
    pub(crate) email: String,
}

/// Who makes a change, from where and when.
#[derive(Debug, Clone)]
pub struct Actor {
    /// The user; `None` for the command line and before a login.
    pub(crate) user: Option<ActingUser>,
    /// The client of the request; `None` for the command line.
    pub(crate) client: Option<ClientInfo>,
    pub(crate) at: Timestamp,
}

impl Actor {
    /// Creates the actor for a user of the pages or the API.
    #[must_use]
    pub fn user(uuid: PublicId, email: &str, client: ClientInfo, at: Timestamp) -> Self {
        Self { user: Some(ActingUser { uuid, email: email.to_owned() }), client: Some(client), at }
    }

    /// Creates the actor for a client whose user is not known.
    #[must_use]
    pub fn anonymous(client: ClientInfo, at: Timestamp) -> Self {
        Self { user: None, client: Some(client), at }
    }

    /// Creates the actor for the command line, which names no user and passes every access check.
    #[must_use]
    pub fn command_line(at: Timestamp) -> Self {
        Self { user: None, client: None, at }
    }

    /// Creates an event of this actor with no other fields set.
    pub(crate) fn event(&self, kind: EventKind) -> Event<'_> {
        Event {
            actor: self.user.as_ref().map(|user| &user.uuid),
            client: self.client.as_ref(),
            ..Event::new(self.at, kind)
        }
    }
}
