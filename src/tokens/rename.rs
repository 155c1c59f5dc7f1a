//! Renaming of a token.

use crate::audit::actor::Actor;
use crate::audit::event::{Event, EventKind};
use crate::base::id::PublicId;
use crate::db::DbConnection;
use crate::tokens::model::{Token, TokenChangeError, TokenName, TokenOwner, audit_event};
use crate::tokens::rotate::lock_and_find;
use crate::tokens::store;

/// Renames a token in the caller's transaction. Does nothing if the name is the same.
pub fn rename(
    conn: &mut DbConnection,
    owner: &TokenOwner,
    uuid: &PublicId,
    name: &TokenName,
    actor: &Actor,
) -> Result<(), TokenChangeError> {
    let token = lock_and_find(conn, owner, uuid)?;
    if token.name == *name {
        return Ok(());
    }
    let key = name.case_folded();
    let is_taken_by = |other: &Token| other.key != token.key && other.name.case_folded() == key;
    if store::list_active(conn, owner.membership)?.iter().any(is_taken_by) {
        return Err(TokenChangeError::NameTaken);
    }
    store::rename_token(conn, token.key, name)?;
    let event = audit_event(actor, owner, uuid, &token.name, EventKind::TokenRenamed);
    Ok(Event { detail: Some(name.as_str()), ..event }.record(conn)?)
}
