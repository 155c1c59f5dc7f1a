//! What happens to a token between its creation and its deletion: rotated, its old value stopped, renamed.

use crate::audit::event::{Event, EventKind};
use crate::base::client_info::Client;
use crate::base::clock::Timestamp;
use crate::base::id::Id;
use crate::db::Conn;
use crate::tokens::expiry::Grace;
use crate::tokens::model::{Cause, ChangeError, End, NewExpiry, Owner, Rotation, Token, TokenName, event};
use crate::tokens::store;
use crate::workspaces::profile::Role;
use crate::workspaces::store::lock_membership;

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

/// The token, with the membership's row locked: what is read here stays so until the end of the transaction.
pub(crate) fn lock_and_find(conn: &mut Conn, owner: &Owner, uuid: &Id) -> Result<Token, ChangeError> {
    if !lock_membership(conn, owner.membership)?.is_some_and(Role::has_tokens) {
        return Err(ChangeError::Missing);
    }
    store::find(conn, owner.membership, uuid)?.ok_or(ChangeError::Missing)
}
