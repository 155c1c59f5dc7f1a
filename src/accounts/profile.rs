//! What people change about themselves: name, e-mail address, password, and where they are signed in. Each locks the
//! user's row first.

use crate::accounts::model::PasswordHash;
use crate::accounts::model::{EmailAddress, User};
use crate::accounts::store::{lock_user, set_email, set_name, set_password, user_by_email};
use crate::accounts::{one_time_links, session_store};
use crate::audit::event::{Event, EventKind};
use crate::base::client_info::ClientInfo;
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::base::text::DisplayName;
use crate::db::{DbConnection, DbError, FromDb};

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The password is another since it was asked for, or the person is kept out.
    #[error("the password is not what it was")]
    Stale,
    /// The address is somebody else's.
    #[error("there is a user with this e-mail address already")]
    EmailTaken,
    /// A query failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl FromDb for ChangeError {
    fn as_db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) => Some(error),
            Self::Stale | Self::EmailTaken => None,
        }
    }
}

/// Who changes something, from where and when.
#[derive(Debug, Clone)]
pub struct AccountActor {
    /// Who.
    pub user: User,
    /// From where.
    pub client: ClientInfo,
    /// When.
    pub at: Timestamp,
}

impl AccountActor {
    fn record(&self, conn: &mut DbConnection, kind: EventKind, detail: Option<&str>) -> Result<(), DbError> {
        let event = Event {
            actor: Some(self.user.uuid.as_str()),
            client: Some(&self.client),
            detail,
            ..Event::new(self.at, kind)
        };
        event.record(conn)
    }

    /// Locks the person's row, and sees to it that the password that was given is still the one.
    fn lock_and_verify(&self, conn: &mut DbConnection, confirmed: &PasswordHash) -> Result<User, ChangeError> {
        match lock_user(conn, self.user.key)? {
            Some((user, hash)) if user.is_active && hash.0 == confirmed.0 => Ok(user),
            Some(_) | None => Err(ChangeError::Stale),
        }
    }
}

/// Calls the person by another name.
pub fn rename(conn: &mut DbConnection, change: &AccountActor, name: &DisplayName) -> Result<(), DbError> {
    lock_user(conn, change.user.key)?;
    set_name(conn, change.user.key, name)?;
    change.record(conn, EventKind::UserChanged, Some("name"))
}

/// Gives the person another address to sign in with. What asks for the API with the old one (Basic) is refused from the
/// next request on.
pub fn change_email(
    conn: &mut DbConnection,
    change: &AccountActor,
    confirmed: &PasswordHash,
    email: &EmailAddress,
) -> Result<(), ChangeError> {
    let user = change.lock_and_verify(conn, confirmed)?;
    if user_by_email(conn, email)?.is_some_and(|(other, _)| other.key != user.key) {
        return Err(ChangeError::EmailTaken);
    }
    set_email(conn, user.key, email).map_err(|error| match error {
        // The unique index rejected the row: another request won.
        DbError::UniqueViolation(_) => ChangeError::EmailTaken,
        other => other.into(),
    })?;
    let detail = format!("e-mail address from {} to {}", user.email.as_str(), email.as_str());
    Ok(change.record(conn, EventKind::UserChanged, Some(&detail))?)
}

/// Gives the person another password. Ends their sessions but `this` one, and what links there were to set a new one;
/// tokens stay. Returns how many sessions ended.
pub fn change_password(
    conn: &mut DbConnection,
    change: &AccountActor,
    confirmed: &PasswordHash,
    new: &PasswordHash,
    this: &PublicId,
) -> Result<usize, ChangeError> {
    let user = change.lock_and_verify(conn, confirmed)?;
    set_password(conn, user.key, new)?;
    let ended = session_store::end_others(conn, user.key, this)?;
    one_time_links::store::delete_reset_links(conn, &user.uuid)?;
    change.record(conn, EventKind::PasswordChanged, Some("account page"))?;
    Ok(ended)
}

/// Ends one of the person's sessions, perhaps `this` one, which asks for it; `false` if there is none of this name.
pub fn end_session(
    conn: &mut DbConnection,
    change: &AccountActor,
    session: &PublicId,
    this: Option<&PublicId>,
) -> Result<bool, DbError> {
    lock_user(conn, change.user.key)?;
    if !session_store::end(conn, change.user.key, session)? {
        return Ok(false);
    }
    change.record(conn, EventKind::SignedOut, (this != Some(session)).then_some("another browser"))?;
    Ok(true)
}

/// Ends the person's sessions but `this` one. Returns how many.
pub fn end_other_sessions(conn: &mut DbConnection, change: &AccountActor, this: &PublicId) -> Result<usize, DbError> {
    lock_user(conn, change.user.key)?;
    let ended = session_store::end_others(conn, change.user.key, this)?;
    if ended > 0 {
        let detail = format!("{ended} other browsers");
        change.record(conn, EventKind::SignedOut, Some(&detail))?;
    }
    Ok(ended)
}
