//! Rotation of a token, and the early end of its old value.

use crate::audit::actor::Actor;
use crate::audit::event::{Event, EventKind};
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::base::local_time::TimeFormat;
use crate::db::{DbConnection, DbError};
use crate::tokens::expiry::GracePeriod;
use crate::tokens::model::{
    EndReason, ExpiryChange, ReplacedValues, Rotation, RotationReason, StoredValue, Token, TokenChangeError, TokenName,
    TokenOwner, audit_event,
};
use crate::tokens::store;
use crate::workspaces::model::Role;
use crate::workspaces::store::lock_membership;

/// The result of a rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    pub name: TokenName,
    /// What happened to the previous value.
    pub old_value: OldValue,
}

/// The end of the value that a rotation replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldValue {
    /// It had expired before the rotation.
    Expired(Timestamp),
    /// It ended with the rotation.
    Stopped,
    /// It ended with the rotation, and an older value stays valid until this time.
    StoppedWithOlderValid(Timestamp),
    /// It stays valid until the end of the grace period.
    ValidForGracePeriod(Timestamp),
    /// It expires at this time, before the grace period ends.
    ValidUntilExpiry(Timestamp),
}

impl OldValue {
    /// Describes the result of a rotation for the old value, as a sentence.
    #[must_use]
    pub fn describe(self, times: &TimeFormat) -> String {
        match self {
            Self::Expired(at) => format!("The old value had already expired on {}.", times.end(at)),
            Self::Stopped => "The old value has stopped working.".to_owned(),
            Self::StoppedWithOlderValid(at) | Self::ValidForGracePeriod(at) => {
                format!("The old value keeps working until {}.", times.end(at))
            }
            Self::ValidUntilExpiry(at) => format!("The old value keeps working until it expires on {}.", times.end(at)),
        }
    }
}

/// Gives a token a new value in the caller's transaction. With a grace period the old value stays valid until the
/// period ends, or until its own expiry if that is earlier. Without one, all earlier values end immediately, or the current
/// one only ([`ReplacedValues::Current`]), whatever the clock says later.
///
/// A token has at most two active values: during a rotation, a second one is possible only without a grace period.
pub fn rotate(
    conn: &mut DbConnection,
    owner: &TokenOwner,
    uuid: &PublicId,
    rotation: &Rotation,
    actor: &Actor,
) -> Result<Rotated, TokenChangeError> {
    let now = actor.at;
    let token = lock_and_find(conn, owner, uuid)?;
    if let Some(form_key) = &rotation.form_key
        && store::find_by_idempotency_key(conn, form_key)?.is_some()
    {
        return Err(TokenChangeError::AlreadyRotated(token.name));
    }
    let expiry = match rotation.expiry {
        ExpiryChange::Keep => token.same_expiry(now),
        ExpiryChange::Set(expiry) => expiry.ends_at(now),
    };
    let old_value = end_old_values(conn, &token, rotation, now)?;
    store::insert_next_value(conn, &token, rotation, expiry, now)?;
    let detail = event_detail(rotation, old_value);
    Event { detail: Some(&detail), ..audit_event(actor, owner, uuid, &token.name, EventKind::TokenRotated) }
        .record(conn)?;
    Ok(Rotated { name: token.name, old_value })
}

/// Sets the ends of the values that a rotation replaces.
fn end_old_values(
    conn: &mut DbConnection,
    token: &Token,
    rotation: &Rotation,
    now: Timestamp,
) -> Result<OldValue, TokenChangeError> {
    let expired = token.current.ends_at.filter(|at| *at <= now).map(OldValue::Expired);
    let retiring = token.retiring(now).map(|value| value.ends_at.unwrap_or(now));
    if rotation.grace == GracePeriod::None {
        let is_replaced = |value: &StoredValue| match rotation.replaced {
            ReplacedValues::All => true,
            ReplacedValues::Current => value.key == token.current.key,
        };
        let reason = match rotation.cause {
            RotationReason::Routine => EndReason::Stopped,
            RotationReason::Exposure => EndReason::Exposed,
        };
        stop(conn, token.values().filter(|value| is_replaced(value)), now, reason)?;
        return Ok(match (rotation.replaced, retiring) {
            (ReplacedValues::Current, Some(until)) => OldValue::StoppedWithOlderValid(until),
            _ => expired.unwrap_or(OldValue::Stopped),
        });
    }
    if let Some(until) = retiring {
        return Err(TokenChangeError::RotationInProgress(until));
    }
    // Otherwise a third value would be active if the clock is set back.
    stop(conn, token.previous.iter(), now, EndReason::Stopped)?;
    // A grace period must not extend a value: an earlier expiry stays, and an expired value stays expired.
    let until = now + rotation.grace.duration();
    match token.current.ends_at {
        Some(at) if at <= until => Ok(expired.unwrap_or(OldValue::ValidUntilExpiry(at))),
        Some(_) | None => {
            store::set_value_end(conn, token.current.key, until, EndReason::Retired)?;
            Ok(OldValue::ValidForGracePeriod(until))
        }
    }
}

/// The detail of a rotation's event, which `activity/describe.rs` reads: the chosen grace period, and what the old value got
/// instead of it.
fn event_detail(rotation: &Rotation, old_value: OldValue) -> String {
    let grace = format!("grace {}", rotation.grace);
    if rotation.cause == RotationReason::Exposure {
        return format!("{grace}, exposed");
    }
    match old_value {
        OldValue::Stopped | OldValue::ValidForGracePeriod(_) => grace,
        OldValue::Expired(_) => format!("{grace}, old value expired"),
        OldValue::ValidUntilExpiry(at) => format!("{grace}, old value until {}", at.display()),
        OldValue::StoppedWithOlderValid(at) => format!("{grace}, older value until {}", at.display()),
    }
}

/// Stops those of the values that are not stopped yet, also the ones whose time is over: a clock that is set back must
/// not revive them. Those keep their time.
fn stop<'a>(
    conn: &mut DbConnection,
    values: impl Iterator<Item = &'a StoredValue>,
    now: Timestamp,
    reason: EndReason,
) -> Result<(), DbError> {
    for value in values.filter(|value| !value.is_stopped) {
        store::set_value_end(conn, value.key, value.ends_at.map_or(now, |at| at.min(now)), reason)?;
    }
    Ok(())
}

/// Outcome of ending an old value early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetireOutcome {
    /// The old value is now ended.
    Stopped(TokenName),
    /// The token has no active old value.
    AlreadyStopped(TokenName),
}

/// Ends the old value of a token during a rotation, in the caller's transaction.
pub fn retire(
    conn: &mut DbConnection,
    owner: &TokenOwner,
    uuid: &PublicId,
    actor: &Actor,
) -> Result<RetireOutcome, TokenChangeError> {
    let token = lock_and_find(conn, owner, uuid)?;
    stop(conn, token.previous.iter(), actor.at, EndReason::Stopped)?;
    if token.retiring(actor.at).is_none() {
        return Ok(RetireOutcome::AlreadyStopped(token.name));
    }
    audit_event(actor, owner, uuid, &token.name, EventKind::TokenRetired).record(conn)?;
    Ok(RetireOutcome::Stopped(token.name))
}

/// Locks the membership's row and finds the token. The token cannot change until the end of the transaction.
pub(crate) fn lock_and_find(
    conn: &mut DbConnection,
    owner: &TokenOwner,
    uuid: &PublicId,
) -> Result<Token, TokenChangeError> {
    if !lock_membership(conn, owner.membership)?.is_some_and(Role::can_have_tokens) {
        return Err(TokenChangeError::NotFound);
    }
    store::find(conn, owner.membership, uuid)?.ok_or(TokenChangeError::NotFound)
}
