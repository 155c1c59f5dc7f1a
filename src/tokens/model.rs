//! Types of tokens, their values and their changes. This module runs no queries.

use std::str::FromStr;

use crate::accounts::model::User;
use crate::audit::event::{Event, EventKind};
use crate::base::client_info::ClientInfo;
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::base::random::{self, CryptoRng};
use crate::base::text::{DisplayName, ValidationError};
use crate::db::ids::{MembershipId, TokenId, ValueId};
use crate::db::{DbError, FromDb};
use crate::tokens::expiry::{Expiry, GracePeriod};
use crate::tokens::secret::{TokenValue, ValueDigest};
use crate::workspaces::extract::CurrentMember;

/// Maximum number of tokens of a member in a workspace. A database constraint enforces it too: slots are 1 to 3.
pub const MAX_TOKENS: usize = 3;

/// A token's name, unique among the member's tokens without regard to case.
pub type TokenName = DisplayName;

/// An API token of one membership.
#[derive(Debug, Clone)]
pub struct Token {
    pub(crate) key: TokenId,
    /// The public identifier.
    pub uuid: PublicId,
    /// The name.
    pub name: TokenName,
    /// The creation time.
    pub created_at: Timestamp,
    /// The current value.
    pub current: StoredValue,
    /// The stored earlier values, latest first.
    pub previous: Vec<StoredValue>,
    /// The deletion, if the token is deleted.
    pub deleted: Option<Tombstone>,
}

impl Token {
    /// The earlier value that is still active at `now`, if any.
    #[must_use]
    pub fn retiring(&self, now: Timestamp) -> Option<&StoredValue> {
        self.previous.iter().find(|value| value.is_active_at(now))
    }

    /// All stored values, the current one first.
    pub fn values(&self) -> impl Iterator<Item = &StoredValue> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

/// A token value as stored: everything but the secret and its digest.
#[derive(Debug, Clone)]
pub struct StoredValue {
    pub(crate) key: ValueId,
    /// The last four characters.
    pub hint: String,
    /// The creation time.
    pub created_at: Timestamp,
    /// The time from which the value is rejected, if set.
    pub ends_at: Option<Timestamp>,
    /// The time of the first use.
    pub first_used_at: Option<Timestamp>,
    /// The last use.
    pub last_use: Option<LastUse>,
    /// Number of rejected uses after the value ended.
    pub rejected_uses: i64,
    /// The last rejected use.
    pub last_rejected_use: Option<LastUse>,
}

impl StoredValue {
    /// Returns `true` if the value is valid at `now`.
    #[must_use]
    pub fn is_active_at(&self, now: Timestamp) -> bool {
        self.ends_at.is_none_or(|at| at > now)
    }
}

/// The last use of a value.
#[derive(Debug, Clone)]
pub struct LastUse {
    /// The time.
    pub at: Timestamp,
    /// The IP address.
    pub ip: Option<String>,
    /// The user agent.
    pub agent: Option<String>,
}

/// The owner of tokens: the fields of a member that a transaction needs.
#[derive(Debug, Clone)]
pub struct TokenOwner {
    pub(crate) membership: MembershipId,
    /// The member's uuid.
    pub user: PublicId,
    /// The member's email address.
    pub email: String,
    /// The workspace's uuid.
    pub workspace: PublicId,
}

impl TokenOwner {
    /// The owner for the tokens of `user` in a workspace.
    #[must_use]
    pub fn new(membership: MembershipId, user: &User, workspace: &PublicId) -> Self {
        Self { membership, user: user.uuid, email: user.email.as_str().to_owned(), workspace: *workspace }
    }
}

impl From<&CurrentMember> for TokenOwner {
    fn from(member: &CurrentMember) -> Self {
        Self::new(member.membership, &member.user, &member.workspace.uuid)
    }
}

/// The single-use key of a form that creates a value. A repeated submission creates nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

pub(crate) const IDEMPOTENCY_KEY_LEN: usize = 22;

impl IdempotencyKey {
    /// A new key: 22 base62 characters, 130 bits.
    #[must_use]
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(random::base62(rng, IDEMPOTENCY_KEY_LEN))
    }

    /// The key's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for IdempotencyKey {
    type Err = ValidationError;
    fn from_str(text: &str) -> Result<Self, ValidationError> {
        if text.len() == IDEMPOTENCY_KEY_LEN && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ValidationError::new("This form was not complete. Check the name and send it again."))
        }
    }
}

/// A token to create. Contains all random data, so that a transaction can be retried, but not the value itself.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// The public identifier.
    pub uuid: PublicId,
    /// The name.
    pub name: TokenName,
    /// The key of the form; `None` on the command line.
    pub form_key: Option<IdempotencyKey>,
    /// The digest of the value.
    pub digest: ValueDigest,
    /// The value's last four characters.
    pub hint: String,
    /// The expiry of the value.
    pub expiry: Expiry,
    /// The creation time.
    pub at: Timestamp,
}

impl NewToken {
    /// A new token with this value.
    #[must_use]
    pub fn new(
        name: TokenName,
        value: &TokenValue,
        form_key: Option<IdempotencyKey>,
        expiry: Expiry,
        at: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let uuid = PublicId::new(at, rng);
        Self { uuid, name, form_key, digest: value.digest(), hint: value.hint().to_owned(), expiry, at }
    }
}

/// The audit event of a change by the owner. Without a client the command line made the change, and there is no actor.
pub(crate) fn audit_event<'a>(
    owner: &'a TokenOwner,
    token: &'a PublicId,
    name: &'a TokenName,
    client: Option<&'a ClientInfo>,
    at: Timestamp,
    kind: EventKind,
) -> Event<'a> {
    Event {
        actor: client.map(|_| owner.user.as_str()),
        subject: Some(owner.user.as_str()),
        workspace: Some(owner.workspace.as_str()),
        token: Some(token.as_str()),
        token_name: Some(name.as_str()),
        client,
        ..Event::new(at, kind)
    }
}

/// The stored record of a token's deletion.
#[derive(Debug, Clone)]
pub struct Tombstone {
    /// The time.
    pub at: Timestamp,
    /// The email address of the user who deleted it, if a user did.
    pub by: Option<String>,
    /// The source.
    pub via: DeletionSource,
}

/// Source of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletionSource {
    /// The page.
    Page,
    /// The command line.
    CommandLine,
    /// The API, by the token itself.
    Api,
    /// The member was removed from the workspace.
    Removal,
    /// The member was given a role that has no tokens.
    Demotion,
    /// An administrator of the workspace revoked it.
    Administrator,
}

impl DeletionSource {
    const ALL: [Self; 6] =
        [Self::Page, Self::CommandLine, Self::Api, Self::Removal, Self::Demotion, Self::Administrator];

    /// The value in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::CommandLine => "command line",
            Self::Api => "api",
            Self::Removal => "removal",
            Self::Demotion => "demotion",
            Self::Administrator => "administrator",
        }
    }
}

impl FromStr for DeletionSource {
    type Err = ValidationError;
    fn from_str(text: &str) -> Result<Self, ValidationError> {
        Self::ALL
            .into_iter()
            .find(|via| via.as_str() == text)
            .ok_or_else(|| ValidationError::new("not a way to delete"))
    }
}

/// A deletion to perform.
#[derive(Debug, Clone)]
pub struct Deletion {
    /// The source.
    pub via: DeletionSource,
    /// The uuid and email address of the user; `None` on the command line.
    pub by: Option<(PublicId, String)>,
    /// The client of the request, if any.
    pub client: Option<ClientInfo>,
    /// The time.
    pub at: Timestamp,
}

/// Reason for a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotationReason {
    /// A routine rotation.
    Routine,
    /// Someone else may have the value.
    Exposure,
}

/// Expiry of the new value of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpiryChange {
    /// The expiry of the current value; none if it has expired.
    Keep,
    /// A new expiry.
    Set(Expiry),
}

/// A rotation to perform. Contains all random data, but not the value itself.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// The time for which the old value stays valid.
    pub grace: GracePeriod,
    /// The expiry of the new value.
    pub expiry: ExpiryChange,
    /// The reason.
    pub cause: RotationReason,
    /// The key of the form; `None` on the command line.
    pub form_key: Option<IdempotencyKey>,
    /// The digest of the new value.
    pub digest: ValueDigest,
    /// The new value's last four characters.
    pub hint: String,
    /// The time.
    pub at: Timestamp,
}

impl Rotation {
    /// A routine rotation to `value`, with the same expiry.
    #[must_use]
    pub fn to(value: &TokenValue, grace: GracePeriod, form_key: Option<IdempotencyKey>, at: Timestamp) -> Self {
        Self {
            grace,
            expiry: ExpiryChange::Keep,
            cause: RotationReason::Routine,
            form_key,
            digest: value.digest(),
            hint: value.hint().to_owned(),
            at,
        }
    }
}

/// Reason why a token was not changed.
#[derive(Debug, thiserror::Error)]
pub enum TokenChangeError {
    /// The owner has no such token, or can no longer have tokens.
    #[error("there is no such token")]
    NotFound,
    /// Two values are already active; the older one ends at this time.
    #[error("this token is being rotated already; its old value works until {0}")]
    RotationInProgress(Timestamp),
    /// This form already created a value.
    #[error("this form was sent before, and made a new value of the token {}", .0.as_str())]
    AlreadyRotated(TokenName),
    /// Another token of the member has this name.
    #[error("there is a token with this name already")]
    NameTaken,
    /// A query failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl FromDb for TokenChangeError {
    fn as_db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) => Some(error),
            Self::NotFound | Self::RotationInProgress(_) | Self::AlreadyRotated(_) | Self::NameTaken => None,
        }
    }
}

/// Reason for the end of a value other than its expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// Its token was deleted.
    Deleted,
    /// A new value replaced it.
    Retired,
    /// A new value replaced it because someone else may have it.
    Exposed,
}

impl EndReason {
    /// The value in the database and in API responses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Retired => "retired",
            Self::Exposed => "exposed",
        }
    }
}

impl std::str::FromStr for EndReason {
    type Err = crate::base::text::ValidationError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Deleted, Self::Retired, Self::Exposed]
            .into_iter()
            .find(|end| end.as_str() == text)
            .ok_or_else(|| Self::Err::new("not an end"))
    }
}
