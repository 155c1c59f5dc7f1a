//! Types of tokens, their values and their changes. This module runs no queries.

use std::str::FromStr;
use std::time::Duration;

use strum::{EnumString, IntoStaticStr};

use crate::accounts::model::User;
use crate::audit::actor::Actor;
use crate::audit::event::{Event, EventKind};
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::base::note::Note;
use crate::base::random::{self, CryptoRng};
use crate::base::text::{DisplayName, ValidationError};
use crate::db::DbError;
use crate::db::ids::{MembershipId, TokenId, ValueId};
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
    pub uuid: PublicId,
    pub name: TokenName,
    pub created_at: Timestamp,
    pub note: Option<Note>,
    pub current: StoredValue,
    /// The stored earlier values, latest first.
    pub previous: Vec<StoredValue>,
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

    /// The row keys of all stored values.
    #[must_use]
    pub fn value_keys(&self) -> Vec<ValueId> {
        self.values().map(|value| value.key).collect()
    }

    /// The expiry of a value created at `now` that is valid as long as the current value was at its creation; `None` for no
    /// expiry.
    #[must_use]
    pub fn same_expiry(&self, now: Timestamp) -> Option<Timestamp> {
        self.current.ends_at.map(|at| now + at.since(self.current.created_at))
    }
}

/// A token value as stored: everything but the secret and its digest.
#[derive(Debug, Clone)]
pub struct StoredValue {
    pub(crate) key: ValueId,
    /// The last four characters.
    pub hint: String,
    pub created_at: Timestamp,
    /// The time from which the value is rejected, if set.
    pub ends_at: Option<Timestamp>,
    /// The value was stopped: it is rejected at any time.
    pub is_stopped: bool,
    /// The time of the first use.
    pub first_used_at: Option<Timestamp>,
    pub last_use: Option<LastUse>,
    /// Number of rejected uses after the value ended.
    pub rejected_uses: i64,
    pub last_rejected_use: Option<LastUse>,
}

impl StoredValue {
    /// Returns `true` if the value is valid at `now`.
    #[must_use]
    pub fn is_active_at(&self, now: Timestamp) -> bool {
        !self.is_stopped && self.ends_at.is_none_or(|at| at > now)
    }

    /// Returns `true` if the value was used less than `period` before `now`.
    #[must_use]
    pub fn was_used_within(&self, period: Duration, now: Timestamp) -> bool {
        self.last_use.as_ref().is_some_and(|last| now.since(last.at) < period)
    }

    /// The time at which the value ended, if it is not valid at `now`.
    #[must_use]
    pub fn ended_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.ends_at.filter(|_| !self.is_active_at(now))
    }
}

/// The last use of a value.
#[derive(Debug, Clone)]
pub struct LastUse {
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
        Self(random::alphanumeric(rng, IDEMPOTENCY_KEY_LEN))
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
            Err(ValidationError::new("This form was incomplete. Check it and submit it again."))
        }
    }
}

/// A token to create. Contains all random data, so that a transaction can be retried, but not the value itself.
#[derive(Debug, Clone)]
pub struct NewToken {
    pub uuid: PublicId,
    pub name: TokenName,
    /// The key of the form; `None` on the command line.
    pub form_key: Option<IdempotencyKey>,
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

/// The audit event of a change to a token.
pub(crate) fn audit_event<'a>(
    actor: &'a Actor,
    owner: &'a TokenOwner,
    token: &'a PublicId,
    name: &'a TokenName,
    kind: EventKind,
) -> Event<'a> {
    Event {
        subject: Some(&owner.user),
        workspace: Some(&owner.workspace),
        token: Some(token),
        token_name: Some(name.as_str()),
        ..actor.event(kind)
    }
}

/// The stored record of a token's deletion.
#[derive(Debug, Clone)]
pub struct Tombstone {
    pub at: Timestamp,
    /// The email address of the user who deleted it, if a user did.
    pub by: Option<String>,
    pub via: DeletionSource,
}

/// Source of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum DeletionSource {
    Page,
    #[strum(serialize = "command line")]
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
    /// The value in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.into_str()
    }
}

/// Reason for a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotationReason {
    Routine,
    /// Someone else may have the value.
    Exposure,
}

/// Expiry of the new value of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpiryChange {
    /// The same time from its creation as the current value has.
    Keep,
    Set(Expiry),
}

/// Values that a rotation without a grace period ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplacedValues {
    /// All earlier values.
    All,
    /// The current value only. An old value in its grace period stays valid: for a new value that was never shown.
    Current,
}

/// A rotation to perform. Contains all random data, but not the value itself.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// The time for which the old value stays valid.
    pub grace: GracePeriod,
    /// The values that end without a grace period.
    pub replaced: ReplacedValues,
    /// The expiry of the new value.
    pub expiry: ExpiryChange,
    pub cause: RotationReason,
    /// The key of the form; `None` on the command line.
    pub form_key: Option<IdempotencyKey>,
    pub digest: ValueDigest,
    /// The new value's last four characters.
    pub hint: String,
}

impl Rotation {
    /// A routine rotation to `value`, which is valid as long as the current value was at its creation.
    #[must_use]
    pub fn to(value: &TokenValue, grace: GracePeriod, form_key: Option<IdempotencyKey>) -> Self {
        Self {
            grace,
            replaced: ReplacedValues::All,
            expiry: ExpiryChange::Keep,
            cause: RotationReason::Routine,
            form_key,
            digest: value.digest(),
            hint: value.hint().to_owned(),
        }
    }
}

/// Reason why a token was not changed.
#[derive(Debug, thiserror::Error)]
pub enum TokenChangeError {
    /// The owner has no such token, or can no longer have tokens.
    #[error("no such token")]
    NotFound,
    /// Two values are already active; the older one ends at this time.
    #[error("this token is already being rotated; its old value works until {0}")]
    RotationInProgress(Timestamp),
    /// This form already created a value.
    #[error("this form has already rotated the token {0}")]
    AlreadyRotated(TokenName),
    /// Another token of the member has this name.
    #[error("a token with this name already exists")]
    NameTaken,
    #[error("{0}")]
    Db(#[from] DbError),
}

/// Reason for the end of a value other than its expiry. All but [`EndReason::Retired`] are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum EndReason {
    /// Its token was deleted.
    Deleted,
    /// A new value replaced it. It stays valid until its grace period ends.
    Retired,
    /// A new value replaced it, and it was stopped.
    Stopped,
    /// A new value replaced it because someone else may have it, and it was stopped.
    Exposed,
}

impl EndReason {
    /// The value in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.into_str()
    }

    /// Returns `true` if the value is rejected whatever the time is: instances have different clocks, and a clock may be
    /// set back.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Deleted | Self::Stopped | Self::Exposed => true,
            Self::Retired => false,
        }
    }
}
