//! Changes the email address of the user who asks for it.

use crate::accounts::model::{EmailAddress, PasswordHash, User};
use crate::accounts::profile::{self, ChangeError};
use crate::audit::actor::Actor;
use crate::db::{DbConnection, DbError};
use crate::workspaces::email_authority::EmailAuthority;
use crate::workspaces::store::list_memberships;

/// The reason an own email address was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeOwnEmailError {
    /// The user is not an administrator of all their workspaces.
    #[error("only an administrator of all workspaces of the user can change the email address")]
    NotAllowed,
    /// The account was not changed.
    #[error(transparent)]
    Account(#[from] ChangeError),
    /// A query failed.
    #[error("{0}")]
    Db(#[from] DbError),
}

/// Changes the user's own email address inside the caller's transaction. `matched` is the hash that matched the current
/// password. The new address is not verified.
pub fn change_own_email(
    conn: &mut DbConnection,
    user: &User,
    actor: &Actor,
    matched: &PasswordHash,
    email: &EmailAddress,
) -> Result<(), ChangeOwnEmailError> {
    // The memberships are read again: the user may have been demoted since the request began.
    if !EmailAuthority::can_change_own(&list_memberships(conn, user.key)?) {
        return Err(ChangeOwnEmailError::NotAllowed);
    }
    Ok(profile::change_email(conn, user, actor, matched, email)?)
}
