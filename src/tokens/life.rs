//! What happens to a token between its creation and its deletion: rotated, its old value stopped, renamed.

use super::expiry::{Expiry, Grace};
use super::value::{TokenValue, ValueDigest};
use super::verify::End;
use super::{FormKey, Owner, Token, TokenName, event, store};
use crate::kernel::clock::Timestamp;
use crate::kernel::db::events::{Event, EventKind};
use crate::kernel::db::{Conn, DbError, FromDb};
use crate::kernel::id::Id;
use crate::kernel::web::client::Client;
use crate::workspaces::Role;
use crate::workspaces::store::lock_membership;

/// Why a token's value is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// As one does from time to time.
    Routine,
    /// Somebody else may have it.
    Exposure,
}

/// What the expiry of the new value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewExpiry {
    /// That of the value before it; none, if that is past.
    Same,
    /// Another.
    Other(Expiry),
}

/// A rotation about to be made. Holds everything that is random, but not the value itself.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// How long the old value goes on working.
    pub grace: Grace,
    /// When the new value stops by itself.
    pub expiry: NewExpiry,
    /// Why.
    pub cause: Cause,
    /// The key of the form that asks for it; the command line has none.
    pub form_key: Option<FormKey>,
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
    pub fn to(value: &TokenValue, grace: Grace, form_key: Option<FormKey>, at: Timestamp) -> Self {
        Self {
            grace,
            expiry: NewExpiry::Same,
            cause: Cause::Routine,
            form_key,
            digest: value.digest(),
            hint: value.hint().to_owned(),
            at,
        }
    }
}

/// Why a token was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The owner has no such token, or not any more.
    #[error("there is no such token")]
    Missing,
    /// Two values work already; the older one until this moment.
    #[error("this token is being rotated already; its old value works until {0}")]
    UnderWay(Timestamp),
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

impl FromDb for ChangeError {
    fn as_db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) => Some(error),
            Self::Missing | Self::UnderWay(_) | Self::AlreadyRotated(_) | Self::NameTaken => None,
        }
    }
}

/// Gives a token a new value inside the caller's transaction. With a grace the value before goes on working until
/// the grace ends, or its own expiry if that is sooner; without, every earlier value stops now.
///
/// At most two values of a token live: a second rotation with a grace has to wait for the first, or do without.
pub fn rotate(
    conn: &mut Conn,
    owner: &Owner,
    uuid: &Id,
    rotation: &Rotation,
    client: Option<&Client>,
) -> Result<TokenName, ChangeError> {
    let now = rotation.at;
    let token = lock_and_find(conn, owner, uuid)?;
    if let Some(form_key) = &rotation.form_key
        && store::made_by_form(conn, form_key)?.is_some()
    {
        return Err(ChangeError::AlreadyRotated(token.name));
    }
    let expiry = match rotation.expiry {
        NewExpiry::Same => token.current.ends_at.filter(|at| *at > now),
        NewExpiry::Other(expiry) => expiry.ends_at(now),
    };
    let reason = match rotation.cause {
        Cause::Routine => End::Retired,
        Cause::Exposure => End::Exposed,
    };
    let until = now + rotation.grace.duration();
    if rotation.grace == Grace::None {
        for value in token.values().filter(|value| value.lives(now)) {
            store::end_value(conn, value.key, now, reason)?;
        }
    } else {
        if let Some(retiring) = token.retiring(now) {
            return Err(ChangeError::UnderWay(retiring.ends_at.unwrap_or(now)));
        }
        // A value that expires sooner keeps its expiry, and one that has expired gets no grace.
        if token.current.ends_at.is_none_or(|at| at > until) {
            store::end_value(conn, token.current.key, until, reason)?;
        }
    }
    store::insert_next_value(conn, &token, rotation, expiry)?;
    let why = if rotation.cause == Cause::Exposure { ", exposed" } else { "" };
    let detail = format!("grace {}{why}", rotation.grace);
    Event { detail: Some(&detail), ..event(owner, uuid, &token.name, client, now, EventKind::TokenRotated) }
        .record(conn)?;
    Ok(token.name)
}

/// What became of stopping an old value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retired {
    /// It stopped now.
    Now(TokenName),
    /// There was none that worked.
    Before(TokenName),
}

/// Stops the old value of a token that is being rotated, inside the caller's transaction.
pub fn retire(
    conn: &mut Conn,
    owner: &Owner,
    uuid: &Id,
    client: Option<&Client>,
    now: Timestamp,
) -> Result<Retired, ChangeError> {
    let token = lock_and_find(conn, owner, uuid)?;
    let Some(retiring) = token.retiring(now) else { return Ok(Retired::Before(token.name)) };
    store::end_value(conn, retiring.key, now, End::Retired)?;
    event(owner, uuid, &token.name, client, now, EventKind::TokenRetired).record(conn)?;
    Ok(Retired::Now(token.name))
}

/// Gives a token another name inside the caller's transaction.
pub fn rename(
    conn: &mut Conn,
    owner: &Owner,
    uuid: &Id,
    name: &TokenName,
    client: Option<&Client>,
    now: Timestamp,
) -> Result<(), ChangeError> {
    let token = lock_and_find(conn, owner, uuid)?;
    if token.name == *name {
        return Ok(());
    }
    let key = name.key();
    let is_anothers = |other: &Token| other.key != token.key && other.name.key() == key;
    if store::live(conn, owner.membership)?.iter().any(is_anothers) {
        return Err(ChangeError::NameTaken);
    }
    store::rename_token(conn, token.key, name)?;
    Event { detail: Some(name.as_str()), ..event(owner, uuid, &token.name, client, now, EventKind::TokenRenamed) }
        .record(conn)?;
    Ok(())
}

/// The token, with the membership's row locked: what is read here stays so until the end of the transaction.
fn lock_and_find(conn: &mut Conn, owner: &Owner, uuid: &Id) -> Result<Token, ChangeError> {
    if !lock_membership(conn, owner.membership)?.is_some_and(Role::has_tokens) {
        return Err(ChangeError::Missing);
    }
    store::find(conn, owner.membership, uuid)?.ok_or(ChangeError::Missing)
}
