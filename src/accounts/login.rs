//! Is it the password? Asked when somebody signs in, and when somebody who is signed in changes what matters. Every
//! wrong answer counts, wherever it was given.

use std::time::Duration;

use crate::accounts::model::{EmailAddress, User};
use crate::accounts::services::AccountServices;
use crate::accounts::{login_throttle, store};
use crate::accounts::{model::PasswordHash, password::PasswordCheck};
use crate::audit::event::{Event, EventKind};
use crate::base::client_info::ClientInfo;
use crate::base::id::PublicId;
use crate::db::{DbError, FromDb};
use crate::web::app_state::AppState;

/// Why somebody is not signed in.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Unknown address, wrong password, deactivated user: one answer for all.
    #[error("refused")]
    InvalidCredentials,
    /// Too many failures; one may try again after this long.
    #[error("too many failures")]
    RateLimited(Duration),
    /// Too many are signing in at this moment.
    #[error("too many are signing in at once")]
    Busy,
    /// A query failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl FromDb for LoginError {
    fn as_db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) => Some(error),
            Self::InvalidCredentials | Self::RateLimited(_) | Self::Busy => None,
        }
    }
}

/// Checks an e-mail address and a password as typed. The work done and the time it takes are the same for an
/// unknown address, a wrong password and a deactivated user.
pub async fn sign_in(
    app: &AppState,
    accounts: &AccountServices,
    email: &str,
    password: &str,
    client: &ClientInfo,
) -> Result<User, LoginError> {
    // What is no address is nobody's: the same work, counted for where it comes from, and the same answer.
    let email = email.parse::<EmailAddress>().ok();
    check(app, accounts, email, password, client, Some(EventKind::SignInSucceeded)).await.map(|(user, _)| user)
}

/// Checks the password of somebody who is signed in, within the same limits as signing in: a stolen session is no way
/// to guess it. Returns the hash that it was checked against, so that what follows can see whether that still is it.
pub async fn verify_current_password(
    app: &AppState,
    accounts: &AccountServices,
    user: &User,
    password: &str,
    client: &ClientInfo,
) -> Result<PasswordHash, LoginError> {
    check(app, accounts, Some(user.email.clone()), password, client, None).await.map(|(_, hash)| hash)
}

/// `success` is what is written down of the right password.
async fn check(
    app: &AppState,
    accounts: &AccountServices,
    email: Option<EmailAddress>,
    password: &str,
    client: &ClientInfo,
    success: Option<EventKind>,
) -> Result<(User, PasswordHash), LoginError> {
    let now = app.clock.now();
    let account = email.as_ref().map(|email| accounts.account_digest(email));
    let network = client.rate_limit_key();

    let who = client.clone();
    let (attempt, found) = app
        .db
        .write(move |conn| {
            let found = match &email {
                Some(email) => store::user_by_email(conn, email)?,
                None => None,
            };
            let uuid = found.as_ref().map(|(user, _)| user.uuid.as_str());
            match login_throttle::begin_attempt(conn, account.as_ref(), &network, uuid, now)? {
                Ok(attempt) => Ok::<_, LoginError>(Ok((attempt, found))),
                Err(wait) => {
                    Event { actor: uuid, client: Some(&who), ..Event::new(now, EventKind::SignInLocked) }
                        .record(conn)?;
                    Ok(Err(LoginError::RateLimited(wait)))
                }
            }
        })
        .await??;

    let hash = found.as_ref().map(|(_, hash)| hash.clone());
    let verdict = accounts.passwords.verify(password, hash).await;
    let (somebody, outcome) = match (verdict, found) {
        (PasswordCheck::Busy, _) => {
            app.db.write(move |conn| login_throttle::delete_attempt(conn, attempt)).await?;
            return Err(LoginError::Busy);
        }
        (PasswordCheck::Match, Some((user, hash))) if user.is_active => (Some(user.uuid), Ok((user, hash))),
        (PasswordCheck::Match | PasswordCheck::Mismatch, found) => {
            (found.map(|(user, _)| user.uuid), Err(LoginError::InvalidCredentials))
        }
    };
    let right = outcome.as_ref().ok().map(|(user, hash)| (user.key, hash.clone()));
    let (who, network) = (client.clone(), client.rate_limit_key());
    let is_right = app
        .db
        .write(move |conn| {
            // As it is now: a password that was changed while this one waited for its turn opens nothing.
            let is_right = match &right {
                Some((user, hash)) => {
                    let now = store::lock_user(conn, *user)?;
                    now.is_some_and(|(user, present)| user.is_active && present.0 == hash.0)
                }
                None => false,
            };
            if let (true, Some(account)) = (is_right, &account) {
                login_throttle::clear_attempts(conn, account, &network)?;
            }
            if let Some(kind) = if is_right { success } else { Some(EventKind::SignInFailed) } {
                Event {
                    actor: somebody.as_ref().map(PublicId::as_str),
                    client: Some(&who),
                    detail: Some(&network),
                    ..Event::new(now, kind)
                }
                .record(conn)?;
            }
            Ok::<_, DbError>(is_right)
        })
        .await?;
    if is_right { outcome } else { Err(LoginError::InvalidCredentials) }
}
