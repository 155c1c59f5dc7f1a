//! Audit events. An event is inserted in the transaction of the change that it records. Rows hold copies of text, so
//! that they outlive the rows that they refer to. An event must not be updated; only [`purge`] deletes events.

use std::collections::HashMap;

use diesel::prelude::*;
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::base::client_info::ClientInfo;
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::db::schema::{events, users};
use crate::db::{DbConnection, DbError};

/// The kind of an audit event. Each has a unique action word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum EventKind {
    #[strum(serialize = "signed_in")]
    SignInSucceeded,
    SignInFailed,
    SignInLocked,
    SignedOut,
    PasswordChanged,
    #[strum(serialize = "reset_link_made")]
    ResetLinkCreated,
    UserCreated,
    UserChanged,
    UserDeactivated,
    UserActivated,
    WorkspaceCreated,
    WorkspaceChanged,
    MemberAdded,
    MemberRoleChanged,
    MemberRemoved,
    MemberEmailChanged,
    MemberEmailVerified,
    MemberResetLinkCreated,
    #[strum(serialize = "invitation_made")]
    InvitationCreated,
    InvitationUsed,
    InvitationRevoked,
    TokenCreated,
    TokenDeleted,
    TokenRevoked,
    TokenRotated,
    TokenRetired,
    TokenRenamed,
    TokenNoteChanged,
    TokenNewOrigin,
    TokenReused,
}

impl EventKind {
    /// Returns the unique action word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.into_str()
    }

    /// Returns the name in the style of the OWASP Logging Vocabulary. Several kinds may share a name.
    #[must_use]
    pub const fn owasp_name(self) -> &'static str {
        match self {
            Self::SignInSucceeded => "authn_login_success",
            Self::SignInFailed => "authn_login_fail",
            Self::SignInLocked => "authn_login_lock",
            Self::SignedOut => "session_expired",
            Self::PasswordChanged => "authn_password_change",
            Self::ResetLinkCreated | Self::MemberResetLinkCreated => "authn_password_reset_link",
            Self::UserCreated => "user_created",
            Self::UserChanged | Self::UserActivated | Self::MemberEmailChanged | Self::MemberEmailVerified => {
                "user_updated"
            }
            Self::UserDeactivated => "user_archived",
            Self::WorkspaceCreated => "workspace_created",
            Self::WorkspaceChanged => "workspace_updated",
            Self::MemberAdded | Self::MemberRoleChanged | Self::MemberRemoved => "privilege_permissions_changed",
            Self::InvitationCreated => "privilege_invitation_created",
            Self::InvitationUsed => "privilege_invitation_used",
            Self::InvitationRevoked => "privilege_invitation_revoked",
            Self::TokenCreated | Self::TokenRotated => "authn_token_created",
            Self::TokenDeleted => "authn_token_delete",
            Self::TokenRevoked | Self::TokenRetired => "authn_token_revoked",
            Self::TokenRenamed | Self::TokenNoteChanged => "authn_token_updated",
            Self::TokenNewOrigin => "authn_token_new_origin",
            Self::TokenReused => "authn_token_reuse",
        }
    }
}

/// An audit event. Its fields hold public identifiers and display names. They must not hold a secret, nor text that a
/// user typed as a password or token.
#[derive(Debug, Clone)]
pub(crate) struct Event<'a> {
    pub at: Timestamp,
    pub kind: EventKind,
    /// UUID of the user who acted; `None` for the command line.
    pub actor: Option<&'a PublicId>,
    /// UUID of the affected user or of the token's owner, where it can differ from the actor.
    pub subject: Option<&'a PublicId>,
    /// UUID of the workspace.
    pub workspace: Option<&'a PublicId>,
    /// UUID of the token.
    pub token: Option<&'a PublicId>,
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
    pub(crate) const fn new(at: Timestamp, kind: EventKind) -> Self {
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
    pub(crate) fn record(&self, conn: &mut DbConnection) -> Result<(), DbError> {
        record_all(conn, std::slice::from_ref(self))
    }
}

/// [`Event::record`] for many events.
pub(crate) fn record_all(conn: &mut DbConnection, list: &[Event<'_>]) -> Result<(), DbError> {
    for list in list.chunks(EVENTS_PER_STATEMENT) {
        let uuids: Vec<&str> =
            list.iter().flat_map(|event| [event.actor, event.subject]).flatten().map(PublicId::as_str).collect();
        let users = users::table
            .filter(users::uuid.eq_any(uuids))
            .select((users::uuid, users::name, users::email))
            .load::<(PublicId, String, String)>(conn)?;
        let users: HashMap<PublicId, (String, String)> =
            users.into_iter().map(|(uuid, name, email)| (uuid, (name, email))).collect();
        let rows: Vec<EventRow> = list.iter().map(|event| event.row(&users)).collect();
        crate::match_backend!(conn, conn => diesel::insert_into(events::table).values(&rows).execute(conn))?;
    }
    Ok(())
}

/// Multiplied by the columns of an event, it stays below the maximum number of parameters in a statement of `SQLite`.
const EVENTS_PER_STATEMENT: usize = 1_000;

#[derive(Insertable)]
#[diesel(table_name = events, treat_none_as_default_value = false)]
struct EventRow {
    at: i64,
    kind: &'static str,
    action: &'static str,
    actor: Option<String>,
    actor_name: Option<String>,
    actor_email: Option<String>,
    subject: Option<String>,
    subject_name: Option<String>,
    subject_email: Option<String>,
    workspace: Option<String>,
    token: Option<String>,
    token_name: Option<String>,
    ip: Option<String>,
    agent: Option<String>,
    detail: Option<String>,
}

impl Event<'_> {
    /// The row, with the current names and email addresses of `users`.
    fn row(&self, users: &HashMap<PublicId, (String, String)>) -> EventRow {
        let user = |uuid: Option<&PublicId>| uuid.and_then(|uuid| users.get(uuid)).cloned().unzip();
        let ((actor_name, actor_email), (subject_name, subject_email)) = (user(self.actor), user(self.subject));
        EventRow {
            at: self.at.micros(),
            kind: self.kind.owasp_name(),
            action: self.kind.as_str(),
            actor: self.actor.map(PublicId::to_string),
            actor_name,
            actor_email,
            subject: self.subject.map(PublicId::to_string),
            subject_name,
            subject_email,
            workspace: self.workspace.map(PublicId::to_string),
            token: self.token.map(PublicId::to_string),
            token_name: self.token_name.map(str::to_owned),
            ip: self.client.map(ClientInfo::ip_text),
            agent: self.client.and_then(|client| client.agent.clone()),
            detail: self.detail.map(str::to_owned),
        }
    }
}

/// Counts the events, or those before `before`.
pub(crate) fn count(conn: &mut DbConnection, before: Option<Timestamp>) -> Result<i64, DbError> {
    let before = before.map_or(i64::MAX, Timestamp::micros);
    Ok(events::table.filter(events::at.lt(before)).count().get_result(conn)?)
}

/// The time of the newest event.
pub(crate) fn newest(conn: &mut DbConnection) -> Result<Option<Timestamp>, DbError> {
    let newest = events::table.select(diesel::dsl::max(events::at)).get_result::<Option<i64>>(conn)?;
    Ok(newest.map(Timestamp::from_micros))
}

/// Deletes the oldest events before `before`, at most `limit`, and returns their number.
pub(crate) fn purge(conn: &mut DbConnection, before: Timestamp, limit: i64) -> Result<usize, DbError> {
    let oldest = events::table.filter(events::at.lt(before.micros())).order((events::at, events::id)).limit(limit);
    let ids = oldest.select(events::id).load::<i64>(conn)?;
    let mut deleted = 0;
    for ids in ids.chunks(IDS_PER_STATEMENT) {
        deleted += diesel::delete(events::table.filter(events::id.eq_any(ids))).execute(conn)?;
    }
    Ok(deleted)
}

/// Below the maximum number of parameters in a statement of `SQLite`.
const IDS_PER_STATEMENT: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_event_has_a_unique_action_word() {
        for kind in EventKind::VARIANTS {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
        }
        assert!("".parse::<EventKind>().is_err());
    }
}
