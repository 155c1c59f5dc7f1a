//! Changes by users to their own account: name, email address, password, sessions. Each use case locks the user's row
//! first.

use crate::accounts::change_email::{ReplaceEmailError, replace_email};
use crate::accounts::model::PasswordHash;
use crate::accounts::model::{EmailAddress, User};
use crate::accounts::revoke_access::{RevokedAccess, revoke_access};
use crate::accounts::session::CurrentSession;
use crate::accounts::session_store;
use crate::accounts::store::{lock_generation, lock_user, set_name, set_password, set_prefers_browser_zone};
use crate::audit::actor::Actor;
use crate::audit::event::{Event, EventKind};
use crate::base::id::PublicId;
use crate::base::text::DisplayName;
use crate::db::{DbConnection, DbError};

/// The reason an account was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The credentials of the request are not the current ones any more: the password changed, the user was deactivated, or
    /// signed out all other browsers.
    #[error("the password was changed meanwhile")]
    Stale,
    /// Another user has the address.
    #[error("a user with this email address already exists")]
    EmailTaken,
    #[error("{0}")]
    Db(#[from] DbError),
}

impl From<ReplaceEmailError> for ChangeError {
    fn from(error: ReplaceEmailError) -> Self {
        match error {
            ReplaceEmailError::EmailTaken(_) => Self::EmailTaken,
            ReplaceEmailError::Db(error) => error.into(),
        }
    }
}

/// Locks the user's row and checks that the hash that matched the password is still the current one.
fn lock_and_verify(conn: &mut DbConnection, user: &User, matched: &PasswordHash) -> Result<User, ChangeError> {
    match lock_user(conn, user.key)? {
        Some((user, hash)) if user.is_active && hash.reveal() == matched.reveal() => Ok(user),
        Some(_) | None => Err(ChangeError::Stale),
    }
}

fn record(conn: &mut DbConnection, actor: &Actor, kind: EventKind, detail: &str) -> Result<(), DbError> {
    Event { detail: Some(detail), ..actor.event(kind) }.record(conn)
}

/// Changes the display name.
pub fn rename(conn: &mut DbConnection, user: &User, actor: &Actor, name: &DisplayName) -> Result<(), DbError> {
    lock_user(conn, user.key)?;
    set_name(conn, user.key, name)?;
    record(conn, actor, EventKind::UserChanged, "name")
}

/// Chooses the time zone of pages: the browser's, or the workspace's.
pub fn prefer_browser_zone(
    conn: &mut DbConnection,
    user: &User,
    actor: &Actor,
    prefers_browser_zone: bool,
) -> Result<(), DbError> {
    lock_user(conn, user.key)?;
    set_prefers_browser_zone(conn, user.key, prefers_browser_zone)?;
    record(conn, actor, EventKind::UserChanged, "time zone")
}

/// Changes the email address. The new address is not verified: no one vouches for their own. The caller checks that the user
/// may change it.
pub fn change_email(
    conn: &mut DbConnection,
    user: &User,
    actor: &Actor,
    matched: &PasswordHash,
    email: &EmailAddress,
) -> Result<(), ChangeError> {
    let user = lock_and_verify(conn, user, matched)?;
    replace_email(conn, &user, email, user.email_verified_at.filter(|_| *email == user.email))?;
    let detail = format!("email address from {} to {email}", user.email);
    Ok(record(conn, actor, EventKind::UserChanged, &detail)?)
}

/// Changes the password, and ends the sessions except `current`, reset links and invitations. Tokens are unchanged.
pub fn change_password(
    conn: &mut DbConnection,
    user: &User,
    actor: &Actor,
    matched: &PasswordHash,
    new: &PasswordHash,
    current: &CurrentSession,
) -> Result<RevokedAccess, ChangeError> {
    let user = lock_and_verify(conn, user, matched)?;
    // The session must not be renewed if it was ended meanwhile.
    if !lock_generation(conn, &user.uuid, current.generation)? {
        return Err(ChangeError::Stale);
    }
    set_password(conn, user.key, new)?;
    let revoked = revoke_access(conn, &user, Some(&current.id), actor)?;
    record(conn, actor, EventKind::PasswordChanged, "account page")?;
    Ok(revoked)
}

/// Ends one of the user's sessions. `current` is the session of the request, which can be the same. Returns `false` if the
/// user has no such session.
pub fn end_session(
    conn: &mut DbConnection,
    user: &User,
    actor: &Actor,
    session: &PublicId,
    current: Option<&PublicId>,
) -> Result<bool, DbError> {
    lock_user(conn, user.key)?;
    if !session_store::end(conn, user.key, session)? {
        return Ok(false);
    }
    let detail = (current != Some(session)).then_some("another browser");
    Event { detail, ..actor.event(EventKind::SignedOut) }.record(conn)?;
    Ok(true)
}

/// Ends the user's sessions except `current`, their reset links and invitations.
pub fn end_other_sessions(
    conn: &mut DbConnection,
    user: &User,
    actor: &Actor,
    current: &CurrentSession,
) -> Result<RevokedAccess, ChangeError> {
    // The session must not be renewed if it was ended meanwhile.
    if !lock_generation(conn, &user.uuid, current.generation)? {
        return Err(ChangeError::Stale);
    }
    let revoked = revoke_access(conn, user, Some(&current.id), actor)?;
    if revoked.sessions > 0 {
        record(conn, actor, EventKind::SignedOut, &format!("{} other browsers", revoked.sessions))?;
    }
    Ok(revoked)
}
