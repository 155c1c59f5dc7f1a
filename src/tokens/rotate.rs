//! Rotation of a token, and the early end of its old value.

use crate::audit::event::{Event, EventKind};
use crate::base::client_info::ClientInfo;
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::db::DbConnection;
use crate::tokens::expiry::GracePeriod;
use crate::tokens::model::{
    EndReason, ExpiryChange, Rotation, RotationReason, Token, TokenChangeError, TokenName, TokenOwner, audit_event,
};
use crate::tokens::store;
use crate::workspaces::profile::Role;
use crate::workspaces::store::lock_membership;

/// Gives a token a new value in the caller's transaction. With a grace period the old value stays valid until the
/// period ends, or until its own expiry if that is earlier. Without one, all earlier values end immediately.
///
/// A token has at most two active values: during a rotation, a second one is possible only without a grace period.
pub fn rotate(
    conn: &mut DbConnection,
    owner: &TokenOwner,
    uuid: &PublicId,
    rotation: &Rotation,
    client: Option<&ClientInfo>,
) -> Result<TokenName, TokenChangeError> {
    let now = rotation.at;
    let token = lock_and_find(conn, owner, uuid)?;
    if let Some(form_key) = &rotation.form_key
        && store::find_by_idempotency_key(conn, form_key)?.is_some()
    {
        return Err(TokenChangeError::AlreadyRotated(token.name));
    }
    let expiry = match rotation.expiry {
        ExpiryChange::Keep => token.current.ends_at.filter(|at| *at > now),
        ExpiryChange::Set(expiry) => expiry.ends_at(now),
    };
    let reason = match rotation.cause {
        RotationReason::Routine => EndReason::Retired,
        RotationReason::Exposure => EndReason::Exposed,
    };
    let until = now + rotation.grace.duration();
    if rotation.grace == GracePeriod::None {
        for value in token.values().filter(|value| value.is_active_at(now)) {
            store::set_value_end(conn, value.key, now, reason)?;
        }
    } else {
        if let Some(retiring) = token.retiring(now) {
            return Err(TokenChangeError::RotationInProgress(retiring.ends_at.unwrap_or(now)));
        }
        // A grace period must not extend a value: an earlier expiry stays, and an expired value stays expired.
        if token.current.ends_at.is_none_or(|at| at > until) {
            store::set_value_end(conn, token.current.key, until, reason)?;
        }
    }
    store::insert_next_value(conn, &token, rotation, expiry)?;
    let suffix = if rotation.cause == RotationReason::Exposure { ", exposed" } else { "" };
    let detail = format!("grace {}{suffix}", rotation.grace);
    Event { detail: Some(&detail), ..audit_event(owner, uuid, &token.name, client, now, EventKind::TokenRotated) }
        .record(conn)?;
    Ok(token.name)
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
    client: Option<&ClientInfo>,
    now: Timestamp,
) -> Result<RetireOutcome, TokenChangeError> {
    let token = lock_and_find(conn, owner, uuid)?;
    let Some(retiring) = token.retiring(now) else { return Ok(RetireOutcome::AlreadyStopped(token.name)) };
    store::set_value_end(conn, retiring.key, now, EndReason::Retired)?;
    audit_event(owner, uuid, &token.name, client, now, EventKind::TokenRetired).record(conn)?;
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
