//! Password reset: the command line or an administrator creates a one-time link, with which the user sets a new password.

use crate::accounts::login_throttle;
use crate::accounts::model::{EmailAddress, PasswordHash, User};
use crate::accounts::one_time_links::{self, CodeDigest, LinkDetails, NewLink, OneTimeCode, Purpose};
use crate::accounts::revoke_access::revoke_access;
use crate::accounts::services::AccountServices;
use crate::accounts::store::{lock_user, set_password, user_by_email, user_by_uuid};
use crate::audit::event::{Event, EventKind};
use crate::base::client_info::ClientInfo;
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::base::random::CryptoRng;
use crate::db::{Db, DbConnection, DbError};
use crate::web::app_state::AppState;

/// The reason a link was not created, or did not set a password.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    /// No user has this address.
    #[error("there is no user with this email address")]
    UnknownUser,
    /// The user is deactivated.
    #[error("the user is deactivated; activate them first")]
    Deactivated,
    /// A link with the form's idempotency key exists.
    #[error("this form was already sent")]
    AlreadyCreated,
    /// The link is unknown, used or expired, its user is deactivated, or its creator lost the right to create it. The cases are not distinguished, so that the
    /// response reveals nothing about the code.
    #[error("the link is not valid")]
    InvalidLink,
    #[error("{0}")]
    Db(#[from] DbError),
}

/// Creates a link for the user with this address, and deletes earlier ones. The code must be shown only once.
pub fn new_link(
    db: &Db,
    email: &EmailAddress,
    now: Timestamp,
    rng: &mut impl CryptoRng,
) -> Result<OneTimeCode, ResetError> {
    let (user, _) = db.read_blocking(|conn| user_by_email(conn, email))?.ok_or(ResetError::UnknownUser)?;
    let code = OneTimeCode::generate(rng);
    let details = LinkDetails { user: Some(user.uuid), ..LinkDetails::default() };
    let link = NewLink::new(&code, Purpose::Reset, details, now, rng);
    db.write_blocking(|conn| {
        insert_link(conn, &user, &link)?;
        let actor = Some(&user.uuid);
        Event { actor, detail: Some("command line"), ..Event::new(now, EventKind::ResetLinkCreated) }.record(conn)?;
        Ok::<_, ResetError>(())
    })?;
    Ok(code)
}

/// Builds a link for `user` to insert, which `creator` creates with the form of this key.
pub(crate) fn new_link_by(
    creator: PublicId,
    user: PublicId,
    code: &OneTimeCode,
    form_key: &str,
    now: Timestamp,
    rng: &mut impl CryptoRng,
) -> NewLink {
    let details = LinkDetails {
        user: Some(user),
        created_by: Some(creator),
        form_key: Some(form_key.to_owned()),
        ..LinkDetails::default()
    };
    NewLink::new(code, Purpose::Reset, details, now, rng)
}

/// Inserts a link for the user inside the caller's transaction, and deletes earlier ones. The caller records the event.
pub(crate) fn insert_link(conn: &mut DbConnection, user: &User, link: &NewLink) -> Result<(), ResetError> {
    let (user, _) = lock_user(conn, user.key)?.ok_or(ResetError::UnknownUser)?;
    if !user.is_active {
        return Err(ResetError::Deactivated);
    }
    if one_time_links::store::form_key_exists(conn, link)? {
        return Err(ResetError::AlreadyCreated);
    }
    one_time_links::store::delete_reset_links(conn, &user.uuid)?;
    Ok(one_time_links::store::insert(conn, link)?)
}

/// Returns whether the user with this identifier may still create a reset link for this user.
pub(crate) type CreatorCheck = fn(&mut DbConnection, &PublicId, &User) -> Result<bool, DbError>;

/// Finds the user of a valid code.
pub async fn find(app: &AppState, code: &str, check: CreatorCheck) -> Result<User, ResetError> {
    let (code, now) = (digest(code)?, app.clock.now());
    app.db.read(move |conn| find_user(conn, &code, check, now)).await
}

/// Consumes the code, sets the password, ends all sessions and invitations of the user and clears their failed logins;
/// tokens are unchanged. Of several concurrent
/// requests one succeeds. It does not sign in: someone who finds the link has to change the password, which the user
/// notices.
pub async fn run(
    app: &AppState,
    accounts: &AccountServices,
    code: &str,
    check: CreatorCheck,
    new: PasswordHash,
    client: ClientInfo,
) -> Result<User, ResetError> {
    let (code, now) = (digest(code)?, app.clock.now());
    let services = accounts.clone();
    app.db
        .write(move |conn| {
            let user = find_user(conn, &code, check, now)?;
            let locked = lock_user(conn, user.key)?;
            let Some((user, _)) = locked.filter(|(user, _)| user.is_active) else {
                return Err(ResetError::InvalidLink);
            };
            if !one_time_links::store::consume(conn, Purpose::Reset, &code, now)? {
                return Err(ResetError::InvalidLink);
            }
            set_password(conn, user.key, &new)?;
            let actor = user.actor(client.clone(), now);
            revoke_access(conn, &user, None, &actor)?;
            // Failures of others must not lock out the owner, who has just shown that the link reached them.
            let account = services.account_digest(&user.email);
            login_throttle::clear_account(conn, &account)?;
            services.locked.remove(&account);
            Event { detail: Some(login_throttle::RESET_LINK), ..actor.event(EventKind::PasswordChanged) }
                .record(conn)?;
            Ok(user)
        })
        .await
}

fn digest(code: &str) -> Result<CodeDigest, ResetError> {
    code.parse::<OneTimeCode>().map(|code| code.digest()).map_err(|_| ResetError::InvalidLink)
}

fn find_user(
    conn: &mut DbConnection,
    code: &CodeDigest,
    check: CreatorCheck,
    now: Timestamp,
) -> Result<User, ResetError> {
    let link = one_time_links::store::find(conn, Purpose::Reset, code, now)?.ok_or(ResetError::InvalidLink)?;
    let user = match &link.user {
        Some(uuid) => user_by_uuid(conn, uuid)?,
        None => None,
    };
    let user = user.filter(|user| user.is_active).ok_or(ResetError::InvalidLink)?;
    match &link.created_by {
        Some(creator) if !check(conn, creator, &user)? => Err(ResetError::InvalidLink),
        Some(_) | None => Ok(user),
    }
}
