//! Add a user.

use crate::accounts::model::{EmailAddress, NewUser, User};
use crate::accounts::store;
use crate::audit::event::{Event, EventKind};
use crate::base::client_info::ClientInfo;
use crate::db::{DbConnection, DbError};

/// The reason a user was not added.
#[derive(Debug, thiserror::Error)]
pub enum AddUserError {
    /// Another user has the address.
    #[error("a user with the email address {0} already exists")]
    EmailTaken(EmailAddress),
    #[error("{0}")]
    Db(#[from] DbError),
}

/// Adds a user inside the caller's transaction. `detail` is the origin of the user, for the audit event.
pub fn add_user(
    conn: &mut DbConnection,
    new: &NewUser,
    client: Option<&ClientInfo>,
    detail: &str,
) -> Result<User, AddUserError> {
    let email_taken = || AddUserError::EmailTaken(new.email.clone());
    if store::user_by_email(conn, &new.email)?.is_some() {
        return Err(email_taken());
    }
    let key = store::insert_user(conn, new).map_err(|error| match error {
        // The unique index rejected the row: another request won.
        DbError::UniqueViolation(_) => email_taken(),
        other => other.into(),
    })?;
    Event { actor: Some(&new.uuid), client, detail: Some(detail), ..Event::new(new.at, EventKind::UserCreated) }
        .record(conn)?;
    Ok(User {
        key,
        uuid: new.uuid,
        email: new.email.clone(),
        name: new.name.clone(),
        is_active: true,
        email_verified_at: new.email_verified_at(),
        prefers_browser_zone: false,
    })
}
