//! Changes and verifies a member's email address.

use crate::accounts::change_email::{ReplaceEmailError, replace_email};
use crate::accounts::model::{EmailAddress, User};
use crate::accounts::store::{lock_user, user_by_uuid, verify_email};
use crate::audit::actor::Actor;
use crate::audit::event::{Event, EventKind};
use crate::base::id::PublicId;
use crate::db::{DbConnection, DbError};
use crate::members::checks::lock_and_find;
use crate::members::model::MemberError;
use crate::workspaces::email_authority::EmailAuthority;
use crate::workspaces::model::Workspace;

/// The reason a member's email address was not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeEmailError {
    /// The actor is not an administrator of all workspaces of the member, or is the member.
    #[error("only an administrator of all workspaces of the user can change the email address")]
    NotAllowed,
    /// The address was not replaced.
    #[error(transparent)]
    Replace(#[from] ReplaceEmailError),
    /// The member was not changed.
    #[error(transparent)]
    Member(#[from] MemberError),
    /// A query failed.
    #[error("{0}")]
    Db(#[from] DbError),
}

/// The result of a change of an email address.
#[derive(Debug, Clone)]
pub(crate) enum EmailChange {
    /// The user, with the new address.
    Changed(User),
    /// The address was the same, and was verified.
    Verified(User),
    /// The address was the same, and nothing was changed.
    Unchanged(User),
}

/// Changes a member's email address inside the caller's transaction. It is verified if the actor can vouch for it. With the
/// current address, nothing but the verification changes.
pub(crate) fn change_email(
    conn: &mut DbConnection,
    workspace: &Workspace,
    member: &PublicId,
    email: &EmailAddress,
    actor: &Actor,
) -> Result<EmailChange, ChangeEmailError> {
    let member = lock_and_find(conn, workspace, member, actor)?;
    let (user, _) = lock_user(conn, member.user.key)?.ok_or(MemberError::NotAMember)?;
    let authority = find_authority(conn, actor, &user)?;
    if authority == EmailAuthority::None {
        return Err(ChangeEmailError::NotAllowed);
    }
    let can_verify = authority == EmailAuthority::Verify;
    let record = |conn: &mut DbConnection, kind, detail: &str| {
        Event { subject: Some(&user.uuid), workspace: Some(&workspace.uuid), detail: Some(detail), ..actor.event(kind) }
            .record(conn)
    };
    if *email != user.email {
        replace_email(conn, &user, email, can_verify.then_some(actor.at))?;
        let verified = if can_verify { ", verified" } else { "" };
        record(conn, EventKind::MemberEmailChanged, &format!("{} to {email}{verified}", user.email))?;
        let email_verified_at = can_verify.then_some(actor.at);
        return Ok(EmailChange::Changed(User { email: email.clone(), email_verified_at, ..user }));
    }
    if !can_verify || !verify_email(conn, &user, actor.at)? {
        return Ok(EmailChange::Unchanged(user));
    }
    record(conn, EventKind::MemberEmailVerified, user.email.as_str())?;
    Ok(EmailChange::Verified(user))
}

fn find_authority(conn: &mut DbConnection, actor: &Actor, owner: &User) -> Result<EmailAuthority, DbError> {
    let Some(acting) = &actor.user else { return Ok(EmailAuthority::None) };
    match user_by_uuid(conn, &acting.uuid)? {
        Some(acting) if acting.key != owner.key => EmailAuthority::over(conn, &acting, owner),
        Some(_) | None => Ok(EmailAuthority::None),
    }
}
