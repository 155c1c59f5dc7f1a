//! Add a user.

use crate::accounts::model::{NewUser, User};
use crate::accounts::store;
use crate::audit::event::{Event, EventKind};
use crate::base::client_info::ClientInfo;
use crate::db::{DbConnection, DbError, FromDb};

/// Why there is no new user.
#[derive(Debug, thiserror::Error)]
pub enum AddUserError {
    /// Another user has the address.
    #[error("there is a user with the e-mail address {0} already")]
    EmailTaken(String),
    /// A query failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl FromDb for AddUserError {
    fn as_db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) => Some(error),
            Self::EmailTaken(_) => None,
        }
    }
}

/// Adds a user inside the caller's transaction. `detail` says how it came about.
pub fn add_user(
    conn: &mut DbConnection,
    new: &NewUser,
    client: Option<&ClientInfo>,
    detail: &str,
) -> Result<User, AddUserError> {
    let taken = || AddUserError::EmailTaken(new.email.as_str().to_owned());
    if store::user_by_email(conn, &new.email)?.is_some() {
        return Err(taken());
    }
    let key = store::insert_user(conn, new).map_err(|error| match error {
        // The unique index rejected the row: another request won.
        DbError::UniqueViolation(_) => taken(),
        other => other.into(),
    })?;
    Event {
        actor: Some(new.uuid.as_str()),
        client,
        detail: Some(detail),
        ..Event::new(new.at, EventKind::UserCreated)
    }
    .record(conn)?;
    Ok(User { key, uuid: new.uuid, email: new.email.clone(), name: new.name.clone(), is_active: true })
}
