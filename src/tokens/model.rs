//! Tokens, their values, and the requests that change them.

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

/// The most tokens that a member can have in a workspace. The database holds it too: slots are 1 to 3.
pub const MAX_TOKENS: usize = 3;

/// A token's name, unique among the member's without regard to letters' case.
pub type TokenName = DisplayName;

/// A named key of one membership.
#[derive(Debug, Clone)]
pub struct Token {
    pub(crate) key: TokenId,
    /// The public identifier.
    pub uuid: PublicId,
    /// What its owner calls it.
    pub name: TokenName,
    /// When it was made.
    pub created_at: Timestamp,
    /// The value to use.
    pub current: StoredValue,
    /// The values before it that are remembered, the latest first.
    pub previous: Vec<StoredValue>,
    /// How and when it was deleted, if it was.
    pub deleted: Option<Tombstone>,
}

impl Token {
    /// The value before the current one, while it still works.
    #[must_use]
    pub fn retiring(&self, now: Timestamp) -> Option<&StoredValue> {
        self.previous.iter().find(|value| value.is_active_at(now))
    }

    /// Every value that is remembered, the current one first.
    pub fn values(&self) -> impl Iterator<Item = &StoredValue> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

/// What may be known about the secret string of a token.
#[derive(Debug, Clone)]
pub struct StoredValue {
    pub(crate) key: ValueId,
    /// Its last four characters.
    pub hint: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops opening the API, if ever.
    pub ends_at: Option<Timestamp>,
    /// The first time it opened the API.
    pub first_used_at: Option<Timestamp>,
    /// The last time it opened the API.
    pub last_use: Option<LastUse>,
    /// How often it was tried after it had stopped.
    pub rejected_uses: i64,
    /// The last time it was.
    pub last_rejected_use: Option<LastUse>,
}

impl StoredValue {
    /// Does it open the API at `now`?
    #[must_use]
    pub fn is_active_at(&self, now: Timestamp) -> bool {
        self.ends_at.is_none_or(|at| at > now)
    }
}

/// The evidence of a use.
#[derive(Debug, Clone)]
pub struct LastUse {
    /// When.
    pub at: Timestamp,
    /// From which address.
    pub ip: Option<String>,
    /// By what user agent.
    pub agent: Option<String>,
}

/// Whose tokens: a member, reduced to what a transaction needs.
#[derive(Debug, Clone)]
pub struct TokenOwner {
    pub(crate) membership: MembershipId,
    /// The member's uuid.
    pub user: PublicId,
    /// The member's address.
    pub email: String,
    /// The workspace's uuid.
    pub workspace: PublicId,
}

impl TokenOwner {
    /// The owner of what `user` makes in a workspace.
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

/// The single-use key of a form that makes a value: the same form sent again makes nothing.
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

/// A token about to be made. Holds everything that is random, so that a transaction may be run again, but not the
/// value itself.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// The public identifier.
    pub uuid: PublicId,
    /// What its owner calls it.
    pub name: TokenName,
    /// The key of the form that makes it; the command line has none.
    pub form_key: Option<IdempotencyKey>,
    /// What the database holds of the value.
    pub digest: ValueDigest,
    /// The value's last four characters.
    pub hint: String,
    /// When the value stops by itself.
    pub expiry: Expiry,
    /// When.
    pub at: Timestamp,
}

impl NewToken {
    /// A token that `value` will open.
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

/// What the owner did to a token; without a client somebody did it for them, on the command line.
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

/// What is remembered of a token's deletion.
#[derive(Debug, Clone)]
pub struct Tombstone {
    /// When.
    pub at: Timestamp,
    /// The address of who did it, if a person did.
    pub by: Option<String>,
    /// By what.
    pub via: DeletionSource,
}

/// By what a token was deleted.
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

    /// The word in the database.
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

/// A deletion: who, by what, from where, when.
#[derive(Debug, Clone)]
pub struct Deletion {
    /// By what.
    pub via: DeletionSource,
    /// Who, as a uuid and an address; nobody for the command line.
    pub by: Option<(PublicId, String)>,
    /// From where.
    pub client: Option<ClientInfo>,
    /// When.
    pub at: Timestamp,
}

/// Why a token's value is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotationReason {
    /// As one does from time to time.
    Routine,
    /// Somebody else may have it.
    Exposure,
}

/// What the expiry of the new value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpiryChange {
    /// That of the value before it; none, if that is past.
    Keep,
    /// Another.
    Set(Expiry),
}

/// A rotation about to be made. Holds everything that is random, but not the value itself.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// How long the old value goes on working.
    pub grace: GracePeriod,
    /// When the new value stops by itself.
    pub expiry: ExpiryChange,
    /// Why.
    pub cause: RotationReason,
    /// The key of the form that asks for it; the command line has none.
    pub form_key: Option<IdempotencyKey>,
    /// What the database holds of the new value.
    pub digest: ValueDigest,
    /// The new value's last four characters.
    pub hint: String,
    /// When.
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

/// Why a token was not changed.
#[derive(Debug, thiserror::Error)]
pub enum TokenChangeError {
    /// The owner has no such token, or not any more.
    #[error("there is no such token")]
    NotFound,
    /// Two values work already; the older one until this moment.
    #[error("this token is being rotated already; its old value works until {0}")]
    RotationInProgress(Timestamp),
    /// This form made a value before.
    #[error("this form was sent before, and made a new value of the token {}", .0.as_str())]
    AlreadyRotated(TokenName),
    /// Another token of the member's has that name.
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

/// Why a value ended, where that is not its expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// Its token was deleted.
    Deleted,
    /// A new value took its place.
    Retired,
    /// A new value took its place, because somebody else may have had it.
    Exposed,
}

impl EndReason {
    /// The word in the database and in the API's answer.
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
