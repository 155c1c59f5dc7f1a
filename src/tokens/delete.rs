//! Deletion of tokens, and the purge of deleted tokens and ended values.

use std::time::Duration;

use crate::audit::event::{Event, EventKind};
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::db::{DbConnection, DbError};
use crate::tokens::model::{Deletion, DeletionSource, TokenName, TokenOwner, audit_event};
use crate::tokens::store;
use crate::workspaces::store::lock_membership;

/// Retention of deleted tokens and of replaced values.
pub const TOMBSTONE_RETENTION: Duration = Duration::from_hours(90 * 24);

/// Outcome of a deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeleteOutcome {
    /// The token is now deleted.
    Deleted(TokenName),
    /// The token was already deleted.
    AlreadyDeleted(TokenName),
    /// The owner has no such token.
    NotFound,
}

/// Deletes a token in the caller's transaction. Its values end immediately. Its row stays until the purge, so that
/// later requests with it get the reason.
pub fn delete(
    conn: &mut DbConnection,
    owner: &TokenOwner,
    uuid: &PublicId,
    deletion: &Deletion,
) -> Result<DeleteOutcome, DbError> {
    lock_membership(conn, owner.membership)?;
    let Some((token, name, deleted_at)) = store::find_with_deleted(conn, owner.membership, uuid)? else {
        return Ok(DeleteOutcome::NotFound);
    };
    if deleted_at.is_some() {
        return Ok(DeleteOutcome::AlreadyDeleted(name));
    }
    store::delete_token(conn, token, deletion)?;
    let kind =
        if deletion.via == DeletionSource::Administrator { EventKind::TokenRevoked } else { EventKind::TokenDeleted };
    Event {
        actor: deletion.by.as_ref().map(|(uuid, _)| uuid.as_str()),
        detail: Some(deletion.via.as_str()),
        ..audit_event(owner, uuid, &name, deletion.client.as_ref(), deletion.at, kind)
    }
    .record(conn)?;
    Ok(DeleteOutcome::Deleted(name))
}

/// Deletes every token of a membership in the caller's transaction. Returns the number of deleted tokens.
pub fn delete_all(conn: &mut DbConnection, owner: &TokenOwner, deletion: &Deletion) -> Result<usize, DbError> {
    lock_membership(conn, owner.membership)?;
    let tokens = store::list_active(conn, owner.membership)?;
    for token in &tokens {
        delete(conn, owner, &token.uuid, deletion)?;
    }
    Ok(tokens.len())
}

/// Removes the tokens deleted and the values replaced before `before`. Returns the number of removed tokens.
pub fn purge(conn: &mut DbConnection, before: Timestamp) -> Result<usize, DbError> {
    store::purge(conn, before)
}
