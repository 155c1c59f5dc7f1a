//! Replaces a user's email address. The use cases of the account page, of members and of the command line decide who may do
//! this and whether the new address is verified.

use crate::accounts::model::{EmailAddress, User};
use crate::accounts::store::{set_email, user_by_email};
use crate::base::clock::Timestamp;
use crate::db::{DbConnection, DbError};

/// The reason an email address was not replaced.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceEmailError {
    /// Another user has the address.
    #[error("a user with the email address {0} already exists")]
    EmailTaken(EmailAddress),
    /// A query failed.
    #[error("{0}")]
    Db(#[from] DbError),
}

/// Replaces the email address of a user whose row the caller has locked. `verified_at` is the time at which the new address
/// was verified. API calls with Basic authentication and the old address are rejected from the next request on.
pub(crate) fn replace_email(
    conn: &mut DbConnection,
    user: &User,
    email: &EmailAddress,
    verified_at: Option<Timestamp>,
) -> Result<(), ReplaceEmailError> {
    let email_taken = || ReplaceEmailError::EmailTaken(email.clone());
    if user_by_email(conn, email)?.is_some_and(|(other, _)| other.key != user.key) {
        return Err(email_taken());
    }
    set_email(conn, user.key, email, verified_at).map_err(|error| match error {
        // The unique index rejected the row: another request won.
        DbError::UniqueViolation(_) => email_taken(),
        other => other.into(),
    })
}
