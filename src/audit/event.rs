//! What happened, written in the transaction that did it. Rows are copies of text: they outlive what they tell of.
//! Nothing in the program changes one, and only age ends it.

use std::str::FromStr;

use diesel::prelude::*;

use crate::base::client_info::ClientInfo;
use crate::base::clock::Timestamp;
use crate::base::text::ValidationError;
use crate::db::schema::{events, users};
use crate::db::{DbConnection, DbError};

/// Makes the kinds of events, each with our own word for it and the name that the OWASP Logging Vocabulary has, or could
/// have. Several of ours share one of theirs.
macro_rules! kinds {
    ($($kind:ident = $action:literal, $name:literal;)+) => {
        /// What happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(missing_docs, reason = "the names are the documentation")]
        pub enum EventKind {
            $($kind),+
        }

        impl EventKind {
            /// Each of them.
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// The name in the words of the OWASP Logging Vocabulary.
            #[must_use]
            pub const fn owasp_name(self) -> &'static str {
                match self { $(Self::$kind => $name),+ }
            }

            /// Our own word, which no other kind has.
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
    /// Reads our own word.
    fn from_str(text: &str) -> Result<Self, ValidationError> {
        let kind = Self::ALL.iter().find(|kind| kind.as_str() == text);
        kind.copied().ok_or_else(|| ValidationError::new("not a kind of event"))
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
    /// The uuid of the user who did it; nobody for the command line.
    pub actor: Option<&'a str>,
    /// The uuid of the user it happened to, or whose token it is, if that may be another.
    pub subject: Option<&'a str>,
    /// The uuid of the workspace it concerns.
    pub workspace: Option<&'a str>,
    /// The uuid of the token it concerns.
    pub token: Option<&'a str>,
    /// How that token was called.
    pub token_name: Option<&'a str>,
    /// From where; the command line has no address.
    pub client: Option<&'a ClientInfo>,
    /// What else the reader needs, in words.
    pub detail: Option<&'a str>,
}

impl Event<'_> {
    /// An event of this kind about nothing yet.
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

    /// Writes the event down, with what the people in it are called at this moment.
    pub fn record(&self, conn: &mut DbConnection) -> Result<(), DbError> {
        let uuids: Vec<&str> = [self.actor, self.subject].into_iter().flatten().collect();
        let people = users::table
            .filter(users::uuid.eq_any(uuids))
            .select((users::uuid, users::name, users::email))
            .load::<(String, String, String)>(conn)?;
        let called = |uuid: Option<&str>| {
            let person = people.iter().find(|(known, ..)| Some(known.as_str()) == uuid);
            (person.map(|(_, name, _)| name), person.map(|(.., email)| email))
        };
        let ((actor_name, actor_email), (subject_name, subject_email)) = (called(self.actor), called(self.subject));
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

/// Forgets what happened before `before`, and says how much that was.
pub fn purge(conn: &mut DbConnection, before: Timestamp) -> Result<usize, DbError> {
    Ok(diesel::delete(events::table.filter(events::at.lt(before.micros()))).execute(conn)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_event_has_a_word_of_its_own() {
        for kind in EventKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
        }
        assert!("".parse::<EventKind>().is_err());
    }
}
