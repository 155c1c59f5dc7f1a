//! Rename a token.

use crate::audit::event::{Event, EventKind};
use crate::base::client_info::Client;
use crate::base::clock::Timestamp;
use crate::base::id::Id;
use crate::db::Conn;
use crate::tokens::model::{ChangeError, Owner, Token, TokenName, event};
use crate::tokens::rotate::lock_and_find;
use crate::tokens::store;

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
