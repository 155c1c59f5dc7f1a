//! Set a password, activate and deactivate a user.

use crate::accounts::model::PasswordHash;
use crate::accounts::model::{EmailAddress, User};
use crate::accounts::{one_time_links, session_store, store};
use crate::audit::event::{Event, EventKind};
use crate::base::clock::Timestamp;
use crate::db::{Db, DbConnection, DbError};

/// Gives the user with this address a new password and ends their sessions and reset links. `None` if there is no such user.
/// Tokens stay: a forgotten password must not break an integration.
pub fn set_password(
    db: &Db,
    email: &EmailAddress,
    hash: &PasswordHash,
    now: Timestamp,
) -> Result<Option<User>, DbError> {
    db.write_blocking(|conn| {
        let Some((user, _)) = store::user_by_email(conn, email)? else { return Ok(None) };
        store::set_password(conn, user.key, hash)?;
        end_sessions_and_reset_links(conn, &user)?;
        Event {
            actor: Some(user.uuid.as_str()),
            detail: Some("command line"),
            ..Event::new(now, EventKind::PasswordChanged)
        }
        .record(conn)?;
        Ok(Some(user))
    })
}

/// Ends a user's sessions, and the links by which they could have set a new password.
pub(crate) fn end_sessions_and_reset_links(conn: &mut DbConnection, user: &User) -> Result<(), DbError> {
    session_store::end_all(conn, user.key)?;
    one_time_links::store::delete_reset_links(conn, &user.uuid)
}

/// Lets the user with this address in or keeps them out. Keeping out ends their sessions, and their tokens are
/// refused until they are let in again. `None` if there is no such user.
pub fn set_active(db: &Db, email: &EmailAddress, is_active: bool, now: Timestamp) -> Result<Option<User>, DbError> {
    db.write_blocking(|conn| {
        let Some((user, _)) = store::user_by_email(conn, email)? else { return Ok(None) };
        store::set_active(conn, user.key, is_active)?;
        if !is_active {
            end_sessions_and_reset_links(conn, &user)?;
        }
        let kind = if is_active { EventKind::UserActivated } else { EventKind::UserDeactivated };
        Event { actor: Some(user.uuid.as_str()), detail: Some("command line"), ..Event::new(now, kind) }
            .record(conn)?;
        Ok(Some(User { is_active, ..user }))
    })
}
