//! The note of a token: where its value is stored, who runs the integration.

use crate::audit::actor::Actor;
use crate::audit::event::EventKind;
use crate::base::id::PublicId;
use crate::base::note::Note;
use crate::db::DbConnection;
use crate::tokens::model::{TokenChangeError, TokenOwner, audit_event};
use crate::tokens::rotate::lock_and_find;
use crate::tokens::store;

/// Sets or removes the note of a token in the caller's transaction. Does nothing if it is the same. The event does not contain
/// the note.
pub fn change_note(
    conn: &mut DbConnection,
    owner: &TokenOwner,
    uuid: &PublicId,
    note: Option<&Note>,
    actor: &Actor,
) -> Result<(), TokenChangeError> {
    let token = lock_and_find(conn, owner, uuid)?;
    if token.note.as_ref() == note {
        return Ok(());
    }
    store::set_note(conn, token.key, note)?;
    Ok(audit_event(actor, owner, uuid, &token.name, EventKind::TokenNoteChanged).record(conn)?)
}
