//! Audit events. An event is inserted in the transaction of the change that it records. Rows hold copies of text, so
//! that they outlive the rows that they refer to. An event must not be updated; only [`purge`] deletes events.

use std::str::FromStr;

use diesel::prelude::*;

use crate::base::client_info::ClientInfo;
use crate::base::clock::Timestamp;
use crate::base::text::ValidationError;
use crate::db::schema::{events, users};
use crate::db::{DbConnection, DbError};

/// Defines the kinds of events. Each has a unique action word and a name in the style of the OWASP Logging Vocabulary;
/// several kinds may share one OWASP name.
macro_rules! kinds {
    ($($kind:ident = $action:literal, $name:literal;)+) => {
        /// The kind of an audit event.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(missing_docs, reason = "the names are the documentation")]
        pub enum EventKind {
            $($kind),+
        }

        impl EventKind {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// Returns the name in the style of the OWASP Logging Vocabulary.
            #[must_use]
            pub const fn owasp_name(self) -> &'static str {
                match self { $(Self::$kind => $name),+ }
            }

            /// Returns the unique action word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$kind => $action),+ }
            }
        }
    };
}

kinds! {
    SignInSucceeded = "signed_in", "authn_login_success";
    SignInFailed = "sign_in_failed", "authn_login_fail";
    SignInLocked = "sign_in_locked", "authn_login_lock";
    SignedOut = "signed_out", "session_expired";
    PasswordChanged = "password_changed", "authn_password_change";
    ResetLinkMade = "reset_link_made", "authn_password_reset_link";
    UserCreated = "user_created", "user_created";
    UserChanged = "user_changed", "user_updated";
    UserDeactivated = "user_deactivated", "user_archived";
    UserActivated = "user_activated", "user_updated";
    WorkspaceCreated = "workspace_created", "workspace_created";
    WorkspaceChanged = "workspace_changed", "workspace_updated";
    MemberAdded = "member_added", "privilege_permissions_changed";
    MemberRoleChanged = "member_role_changed", "privilege_permissions_changed";
    MemberRemoved = "member_removed", "privilege_permissions_changed";
    InvitationMade = "invitation_made", "privilege_invitation_created";
    InvitationUsed = "invitation_used", "privilege_invitation_used";
    InvitationRevoked = "invitation_revoked", "privilege_invitation_revoked";
    TokenCreated = "token_created", "authn_token_created";
    TokenDeleted = "token_deleted", "authn_token_delete";
    TokenRevoked = "token_revoked", "authn_token_revoked";
    TokenRotated = "token_rotated", "authn_token_created";
    TokenRetired = "token_retired", "authn_token_revoked";
    TokenRenamed = "token_renamed", "authn_token_updated";
}

impl FromStr for EventKind {
    type Err = ValidationError;
    /// Parses the action word.
    fn from_str(text: &str) -> Result<Self, ValidationError> {
        let kind = Self::ALL.iter().find(|kind| kind.as_str() == text);
        kind.copied().ok_or_else(|| ValidationError::new("not a kind of event"))
    }
}

/// An audit event. Its fields hold public identifiers and display names. They must not hold a secret, nor text that a
/// user typed as a password or token.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    /// Time of the event.
    pub at: Timestamp,
    /// Kind of the event.
    pub kind: EventKind,
    /// UUID of the user who acted; `None` for the command line.
    pub actor: Option<&'a str>,
    /// UUID of the affected user or of the token's owner, where it can differ from the actor.
    pub subject: Option<&'a str>,
    /// UUID of the workspace.
    pub workspace: Option<&'a str>,
    /// UUID of the token.
    pub token: Option<&'a str>,
    /// Name of the token at the time of the event.
    pub token_name: Option<&'a str>,
    /// The client that sent the request; `None` for the command line.
    pub client: Option<&'a ClientInfo>,
    /// Further details, as text.
    pub detail: Option<&'a str>,
}

impl Event<'_> {
    /// Creates an event of this kind with no other fields set.
    #[must_use]
    pub const fn new(at: Timestamp, kind: EventKind) -> Self {
        Self {
            at,
            kind,
            actor: None,
            subject: None,
            workspace: None,
            token: None,
            token_name: None,
            client: None,
            detail: None,
        }
    }

    /// Inserts the event, with the current names and email addresses of actor and subject.
    ///
    /// # Errors
    ///
    /// Returns an error if a query fails.
    pub fn record(&self, conn: &mut DbConnection) -> Result<(), DbError> {
        let uuids: Vec<&str> = [self.actor, self.subject].into_iter().flatten().collect();
        let users = users::table
            .filter(users::uuid.eq_any(uuids))
            .select((users::uuid, users::name, users::email))
            .load::<(String, String, String)>(conn)?;
        let name_and_email = |uuid: Option<&str>| {
            let user = users.iter().find(|(id, ..)| Some(id.as_str()) == uuid);
            (user.map(|(_, name, _)| name), user.map(|(.., email)| email))
        };
        let ((actor_name, actor_email), (subject_name, subject_email)) =
            (name_and_email(self.actor), name_and_email(self.subject));
        diesel::insert_into(events::table)
            .values((
                events::at.eq(self.at.micros()),
                events::kind.eq(self.kind.owasp_name()),
                events::action.eq(self.kind.as_str()),
                events::actor.eq(self.actor),
                events::actor_name.eq(actor_name),
                events::actor_email.eq(actor_email),
                events::subject.eq(self.subject),
                events::subject_name.eq(subject_name),
                events::subject_email.eq(subject_email),
                events::workspace.eq(self.workspace),
                events::token.eq(self.token),
                events::token_name.eq(self.token_name),
                events::ip.eq(self.client.map(ClientInfo::ip_text)),
                events::agent.eq(self.client.and_then(|client| client.agent.as_deref())),
                events::detail.eq(self.detail),
            ))
            .execute(conn)?;
        Ok(())
    }
}

/// Deletes the events before `before` and returns their number.
pub fn purge(conn: &mut DbConnection, before: Timestamp) -> Result<usize, DbError> {
    Ok(diesel::delete(events::table.filter(events::at.lt(before.micros()))).execute(conn)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_event_has_a_unique_action_word() {
        for kind in EventKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
        }
        assert!("".parse::<EventKind>().is_err());
    }
}
