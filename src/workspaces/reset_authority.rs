//! Decides which administrator may create a password reset link for a user.
//!
//! Anyone with the link can become the user. So the administrator must have every right of the user already: they are an
//! administrator of all workspaces of the user. A verified address counts on the whole server, so a user who has one needs
//! an administrator who can verify addresses.

use crate::accounts::model::User;
use crate::accounts::store::user_by_uuid;
use crate::base::id::PublicId;
use crate::db::{DbConnection, DbError};
use crate::workspaces::email_authority::EmailAuthority;

/// Returns whether someone with this authority over the address of `owner` may create the link. `is_self` is whether they
/// are the owner, who needs the current password instead.
pub(crate) fn is_enough(authority: EmailAuthority, owner: &User, is_self: bool) -> bool {
    let is_enough = match authority {
        EmailAuthority::None => false,
        EmailAuthority::Change => owner.verified_email().is_none(),
        EmailAuthority::Verify => true,
    };
    is_enough && owner.is_active && !is_self
}

/// Returns whether the user `creator` may create the link for `owner` now. A link must not be used after its creator lost
/// this right, for example because the owner joined another workspace.
pub(crate) fn may_reset(conn: &mut DbConnection, creator: &PublicId, owner: &User) -> Result<bool, DbError> {
    let Some(creator) = user_by_uuid(conn, creator)? else { return Ok(false) };
    Ok(is_enough(EmailAuthority::over(conn, &creator, owner)?, owner, creator.key == owner.key))
}
