//! Deletion of tokens.

use std::time::Duration;

use crate::audit::actor::Actor;
use crate::audit::event::{Event, EventKind};
use crate::base::id::PublicId;
use crate::db::{DbConnection, DbError};
use crate::tokens::model::{DeletionSource, TokenName, TokenOwner, audit_event};
use crate::tokens::store;
use crate::workspaces::store::lock_membership;

/// Retention of deleted tokens and of replaced values.
pub const TOMBSTONE_RETENTION: Duration = Duration::from_hours(90 * 24);

/// Outcome of a deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeleteOutcome {
    /// The token is now deleted.
    Deleted(TokenName),
    AlreadyDeleted(TokenName),
    /// The owner has no such token.
    NotFound,
}

/// Deletes a token in the caller's transaction. Its values end immediately, whatever the clock says later. Its row stays
/// until the purge, so that later requests with it get the reason.
pub fn delete(
    conn: &mut DbConnection,
    owner: &TokenOwner,
    uuid: &PublicId,
    via: DeletionSource,
    actor: &Actor,
) -> Result<DeleteOutcome, DbError> {
    lock_membership(conn, owner.membership)?;
    let Some((token, name, deleted_at)) = store::find_with_deleted(conn, owner.membership, uuid)? else {
        return Ok(DeleteOutcome::NotFound);
    };
    if deleted_at.is_some() {
        return Ok(DeleteOutcome::AlreadyDeleted(name));
    }
    store::delete_token(conn, token, via, actor)?;
    let kind = if via == DeletionSource::Administrator { EventKind::TokenRevoked } else { EventKind::TokenDeleted };
    Event { detail: Some(via.as_str()), ..audit_event(actor, owner, uuid, &name, kind) }.record(conn)?;
    Ok(DeleteOutcome::Deleted(name))
}

/// Deletes every token of a membership in the caller's transaction. Returns the number of deleted tokens.
pub fn delete_all(
    conn: &mut DbConnection,
    owner: &TokenOwner,
    via: DeletionSource,
    actor: &Actor,
) -> Result<usize, DbError> {
    lock_membership(conn, owner.membership)?;
    let tokens = store::list_active(conn, owner.membership)?;
    for token in &tokens {
        delete(conn, owner, &token.uuid, via, actor)?;
    }
    Ok(tokens.len())
}
