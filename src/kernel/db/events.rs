//! What happened, written in the transaction that did it. Rows are copies of text: they outlive what they tell of,
//! and nothing in the program changes or deletes one.

use diesel::prelude::*;

use super::schema::events;
use super::{Conn, DbError};
use crate::kernel::clock::Timestamp;
use crate::kernel::web::client::Client;

/// What happened, in the words of the OWASP Logging Vocabulary where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum EventKind {
    SignInSucceeded,
    SignInFailed,
    SignInLocked,
    SignedOut,
    PasswordChanged,
    ResetLinkMade,
    UserCreated,
    UserChanged,
    UserDeactivated,
    UserActivated,
    WorkspaceCreated,
    WorkspaceChanged,
    MemberAdded,
    MemberRemoved,
    InvitationMade,
    InvitationUsed,
    InvitationRevoked,
    TokenCreated,
    TokenDeleted,
    TokenRotated,
    TokenRetired,
    TokenRenamed,
}

impl EventKind {
    /// The name in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignInSucceeded => "authn_login_success",
            Self::SignInFailed => "authn_login_fail",
            Self::SignInLocked => "authn_login_lock",
            Self::SignedOut => "session_expired",
            Self::PasswordChanged => "authn_password_change",
            Self::ResetLinkMade => "authn_password_reset_link",
            Self::UserCreated => "user_created",
            Self::UserDeactivated => "user_archived",
            Self::UserActivated | Self::UserChanged => "user_updated",
            Self::WorkspaceCreated => "workspace_created",
            Self::WorkspaceChanged => "workspace_updated",
            Self::MemberAdded | Self::MemberRemoved => "privilege_permissions_changed",
            Self::InvitationMade => "privilege_invitation_created",
            Self::InvitationUsed => "privilege_invitation_used",
            Self::InvitationRevoked => "privilege_invitation_revoked",
            Self::TokenCreated | Self::TokenRotated => "authn_token_created",
            Self::TokenDeleted => "authn_token_delete",
            Self::TokenRetired => "authn_token_revoked",
            Self::TokenRenamed => "authn_token_updated",
        }
    }
}

/// One thing that happened. Names are public identifiers and labels, never a secret and never what somebody typed
/// in place of one.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: EventKind,
    /// The uuid of the user who did it, if known.
    pub actor: Option<&'a str>,
    /// The uuid of the workspace it concerns.
    pub workspace: Option<&'a str>,
    /// The uuid of the token it concerns.
    pub token: Option<&'a str>,
    /// From where; the command line has no address.
    pub client: Option<&'a Client>,
    /// What else the reader needs, in words.
    pub detail: Option<&'a str>,
}

impl Event<'_> {
    /// An event of this kind about nothing yet.
    #[must_use]
    pub const fn new(at: Timestamp, kind: EventKind) -> Self {
        Self { at, kind, actor: None, workspace: None, token: None, client: None, detail: None }
    }

    /// Writes the event down.
    pub fn record(&self, conn: &mut Conn) -> Result<(), DbError> {
        diesel::insert_into(events::table)
            .values((
                events::at.eq(self.at.micros()),
                events::kind.eq(self.kind.as_str()),
                events::actor.eq(self.actor),
                events::workspace.eq(self.workspace),
                events::token.eq(self.token),
                events::ip.eq(self.client.map(Client::ip_text)),
                events::agent.eq(self.client.and_then(|client| client.agent.as_deref())),
                events::detail.eq(self.detail),
            ))
            .execute(conn)?;
        Ok(())
    }
}
