//! Use cases of the command line: set a password, set or verify an email address, activate and deactivate a user.

use crate::accounts::change_email::{ReplaceEmailError, replace_email};
use crate::accounts::model::PasswordHash;
use crate::accounts::model::{EmailAddress, User};
use crate::accounts::revoke_access::revoke_access;
use crate::accounts::store;
use crate::audit::actor::Actor;
use crate::audit::event::{Event, EventKind};
use crate::base::clock::Timestamp;
use crate::db::{Db, DbConnection, DbError};

/// Sets a user's password, and ends their sessions, reset links and invitations. Tokens are unchanged, so that a forgotten
/// password does not break an integration. Returns `None` if no user has this address.
pub fn set_password(
    db: &Db,
    email: &EmailAddress,
    hash: &PasswordHash,
    now: Timestamp,
) -> Result<Option<User>, DbError> {
    db.write_blocking(|conn| {
        let Some((user, _)) = store::user_by_email(conn, email)? else { return Ok(None) };
        store::set_password(conn, user.key, hash)?;
        let actor = Actor::command_line(now);
        revoke_access(conn, &user, None, &actor)?;
        record(conn, &user, &actor, EventKind::PasswordChanged)?;
        Ok(Some(user))
    })
}

/// Activates or deactivates a user. Deactivation ends their sessions, reset links and invitations, and their tokens are
/// rejected until they are activated again. Returns `None` if no user has this address.
pub fn set_active(db: &Db, email: &EmailAddress, is_active: bool, now: Timestamp) -> Result<Option<User>, DbError> {
    db.write_blocking(|conn| {
        let Some((user, _)) = store::user_by_email(conn, email)? else { return Ok(None) };
        store::set_active(conn, user.key, is_active)?;
        let actor = Actor::command_line(now);
        if !is_active {
            revoke_access(conn, &user, None, &actor)?;
        }
        let kind = if is_active { EventKind::UserActivated } else { EventKind::UserDeactivated };
        record(conn, &user, &actor, kind)?;
        Ok(Some(User { is_active, ..user }))
    })
}

/// Sets a user's email address, which is verified then. Returns `None` if no user has the old address.
pub fn set_email(
    db: &Db,
    email: &EmailAddress,
    new: &EmailAddress,
    now: Timestamp,
) -> Result<Option<User>, ReplaceEmailError> {
    db.write_blocking(|conn| {
        let Some((user, _)) = store::user_by_email(conn, email)? else { return Ok(None) };
        let Some((user, _)) = store::lock_user(conn, user.key)? else { return Ok(None) };
        replace_email(conn, &user, new, Some(now))?;
        let detail = format!("email address from {} to {new} by command line", user.email);
        record_change(conn, &user, now, &detail)?;
        Ok(Some(User { email: new.clone(), email_verified_at: Some(now), ..user }))
    })
}

/// Marks the email addresses of these users as verified. Returns those of them that were not verified before; an address that
/// has changed since the user was read stays as it is.
pub fn verify_emails(db: &Db, users: &[User], now: Timestamp) -> Result<Vec<EmailAddress>, DbError> {
    db.write_blocking(|conn| {
        let mut verified = Vec::new();
        for user in users {
            if store::verify_email(conn, user, now)? {
                record_change(conn, user, now, &format!("email address {} verified by command line", user.email))?;
                verified.push(user.email.clone());
            }
        }
        Ok(verified)
    })
}

/// Marks a user's email address as not verified. Returns `None` if no user has this address.
pub fn unverify_email(db: &Db, email: &EmailAddress, now: Timestamp) -> Result<Option<User>, DbError> {
    db.write_blocking(|conn| {
        let Some((user, _)) = store::user_by_email(conn, email)? else { return Ok(None) };
        if store::unverify_email(conn, user.key)? {
            record_change(conn, &user, now, &format!("email address {} unverified by command line", user.email))?;
        }
        Ok(Some(User { email_verified_at: None, ..user }))
    })
}

fn record(conn: &mut DbConnection, user: &User, actor: &Actor, kind: EventKind) -> Result<(), DbError> {
    Event { actor: Some(&user.uuid), detail: Some("command line"), ..actor.event(kind) }.record(conn)
}

fn record_change(conn: &mut DbConnection, user: &User, now: Timestamp, detail: &str) -> Result<(), DbError> {
    let actor = Actor::command_line(now);
    Event { actor: Some(&user.uuid), detail: Some(detail), ..actor.event(EventKind::UserChanged) }.record(conn)
}
