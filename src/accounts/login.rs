//! Password checks: at login, and when a signed-in user changes their email address or password. Failures of both kinds
//! count towards the same limits.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use crate::accounts::login_throttle::{self, Attempt};
use crate::accounts::model::{CredentialsGeneration, EmailAddress, PasswordHash, User};
use crate::accounts::password::NewPassword;
use crate::accounts::password_hasher::{HashError, PasswordCheck};
use crate::accounts::services::AccountServices;
use crate::accounts::store;
use crate::audit::actor::Actor;
use crate::audit::event::{Event, EventKind};
use crate::base::client_info::ClientInfo;
use crate::base::id::PublicId;
use crate::db::{DbConnection, DbError};
use crate::web::app_state::AppState;

/// The reason a password was not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoginError {
    /// Unknown address, wrong password or deactivated user. The cases are not distinguished, so that the response does not
    /// reveal which addresses have an account.
    #[error("invalid credentials")]
    InvalidCredentials,
    /// Too many failed attempts; holds the time until the next one is allowed.
    #[error("too many failed attempts")]
    RateLimited(Duration),
    /// Too many passwords are being checked.
    #[error("too many passwords are being checked")]
    Busy,
    /// A new password can't be hashed.
    #[error("{0}")]
    Hash(HashError),
    #[error("{0}")]
    Db(#[from] DbError),
}

/// A user whose password was checked.
pub(crate) struct VerifiedUser {
    pub user: User,
    /// The hash that matched.
    pub hash: PasswordHash,
    /// The generation of the credentials, read under the lock of the user's row.
    pub generation: CredentialsGeneration,
}

impl From<HashError> for LoginError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::Busy,
            HashError::Failed(_) => Self::Hash(error),
        }
    }
}

/// Target of the log lines of failed and locked attempts.
const LOGIN_LOG: &str = "latchkey::login";

/// Checks an email address and a password. An unknown address, a wrong password and a deactivated user take the same work
/// and time.
pub(crate) async fn sign_in(
    app: &AppState,
    accounts: &AccountServices,
    email: &str,
    password: &str,
    client: &ClientInfo,
) -> Result<VerifiedUser, LoginError> {
    // An invalid address is treated like an unknown one, and counts for the client's address.
    let email = EmailAddress::for_lookup(email).ok();
    check(app, accounts, email, password, client, Some(EventKind::SignInSucceeded)).await
}

/// Checks the password of a signed-in user within the limits of the login, so that a stolen session can't be used to guess
/// it. Returns the hash that matched: the caller's transaction must check that it is still the user's.
pub(crate) async fn verify_current_password(
    app: &AppState,
    accounts: &AccountServices,
    user: &User,
    password: &str,
    client: &ClientInfo,
) -> Result<PasswordHash, LoginError> {
    check(app, accounts, Some(user.email.clone()), password, client, None).await.map(|verified| verified.hash)
}

/// Hashes a new password within the limits of the login: the holder of a link could otherwise occupy all hashing threads.
/// Call [`forget_attempt`] if the same request can't be repeated.
pub(crate) async fn hash_new_password(
    app: &AppState,
    accounts: &AccountServices,
    password: NewPassword,
    client: &ClientInfo,
) -> Result<(PasswordHash, Attempt), LoginError> {
    let (attempt, _, _place) = begin(app, accounts, None, client).await?;
    match accounts.passwords.hash(password).await {
        Ok(hash) => Ok((hash, attempt)),
        Err(error) => {
            forget_attempt(app, accounts, attempt).await;
            Err(error.into())
        }
    }
}

/// Deletes an attempt that was not a failure. If that fails, the attempt counts as one, which is logged only.
pub(crate) async fn forget_attempt(app: &AppState, accounts: &AccountServices, attempt: Attempt) {
    let _turn = accounts.login_turn().await;
    if let Err(error) = app.db.write(move |conn| login_throttle::delete_attempt(conn, attempt)).await {
        log::warn!("an attempt to sign in counts although it did not fail: {error}");
    }
}

/// Begins an attempt within the limits and finds the user. The permit is the attempt's place among the logins that run.
async fn begin(
    app: &AppState,
    accounts: &AccountServices,
    email: Option<EmailAddress>,
    client: &ClientInfo,
) -> Result<(Attempt, Option<(User, PasswordHash)>, OwnedSemaphorePermit), LoginError> {
    let now = app.clock.now();
    let account = email.as_ref().map(|email| accounts.account_digest(email));
    let network = client.rate_limit_key();
    if let Some(wait) = accounts.locked.remaining(account, &network, now) {
        log_attempt("locked", client, None);
        accounts.delay_rejection().await;
        return Err(LoginError::RateLimited(wait));
    }
    let Ok(place) = Arc::clone(&accounts.logins).try_acquire_owned() else {
        accounts.delay_rejection().await;
        return Err(LoginError::Busy);
    };
    let _turn = accounts.login_turn().await.ok_or(LoginError::Busy)?;
    let attempt_client = client.clone();
    let begun = app.db.write(move |conn| {
        let found = match &email {
            Some(email) => store::user_by_email(conn, email)?,
            None => None,
        };
        let uuid = found.as_ref().map(|(user, _)| user.uuid);
        let attempt = login_throttle::begin_attempt(conn, account.as_ref(), &attempt_client, uuid.as_ref(), now)?;
        Ok::<_, DbError>(attempt.map(|attempt| (attempt, found)).map_err(|lock| (lock, uuid)))
    });
    let (lock, user) = match begun.await? {
        Ok((attempt, found)) => return Ok((attempt, found, place)),
        Err(locked) => locked,
    };
    log_attempt("locked", client, user.as_ref());
    let is_new = accounts.locked.insert((account.filter(|_| !lock.is_network), network), lock.until, now);
    if is_new && accounts.failure_events.take(now) {
        let (locked, detail) = (Actor::anonymous(client.clone(), now), format!("{} failures", lock.failures));
        let record = move |conn: &mut DbConnection| {
            Event { actor: user.as_ref(), detail: Some(&detail), ..locked.event(EventKind::SignInLocked) }.record(conn)
        };
        app.db.write(record).await?;
    }
    Err(LoginError::RateLimited(lock.until.since(now)))
}

/// Checks a password within the limits, and records a failure or the event `success`. Replaces an outdated hash.
async fn check(
    app: &AppState,
    accounts: &AccountServices,
    email: Option<EmailAddress>,
    password: &str,
    client: &ClientInfo,
    success: Option<EventKind>,
) -> Result<VerifiedUser, LoginError> {
    if let Some(verified) = check_once(app, accounts, email.clone(), password, client, success).await? {
        return Ok(verified);
    }
    // A concurrent login replaced an outdated hash, or the password changed: the current hash decides.
    check_once(app, accounts, email, password, client, success).await?.ok_or(LoginError::InvalidCredentials)
}

/// Checks a password once. Returns `None` if it matched a hash that was replaced meanwhile; nothing is recorded then.
async fn check_once(
    app: &AppState,
    accounts: &AccountServices,
    email: Option<EmailAddress>,
    password: &str,
    client: &ClientInfo,
    success: Option<EventKind>,
) -> Result<Option<VerifiedUser>, LoginError> {
    let now = app.clock.now();
    let actor = Actor::anonymous(client.clone(), now);
    let account = email.as_ref().map(|email| accounts.account_digest(email));
    let (attempt, found, _place) = begin(app, accounts, email, client).await?;

    let hash = found.as_ref().map(|(_, hash)| hash.clone());
    let check = accounts.passwords.verify(password, hash).await;
    let (user_uuid, outcome) = match (check, found) {
        (PasswordCheck::Busy, _) => {
            forget_attempt(app, accounts, attempt).await;
            return Err(LoginError::Busy);
        }
        (PasswordCheck::Match | PasswordCheck::MatchOutdated, Some((user, hash))) if user.is_active => {
            (Some(user.uuid), Ok((user, hash)))
        }
        (PasswordCheck::Match | PasswordCheck::MatchOutdated | PasswordCheck::Mismatch, found) => {
            (found.map(|(user, _)| user.uuid), Err(LoginError::InvalidCredentials))
        }
    };
    let new_hash = match (check, &outcome) {
        // If it fails, the login succeeds with the outdated hash, and the next one tries again.
        (PasswordCheck::MatchOutdated, Ok(_)) => accounts.passwords.rehash(password).await.ok(),
        _ => None,
    };
    let matched = outcome.as_ref().ok().map(|(user, hash)| (user.key, hash.clone(), new_hash.clone()));
    let network = client.rate_limit_key();
    let may_record_failure = outcome.is_ok() || accounts.failure_events.take(now);
    let turn = accounts.login_turn().await;
    let result = app
        .db
        .write(move |conn| {
            // The password may have changed, or the user been deactivated, while this one was in the queue.
            let generation = match &matched {
                Some((user, hash, new_hash)) => match store::lock_user(conn, *user)? {
                    Some((user, current)) if user.is_active && current.reveal() != hash.reveal() => return Ok(None),
                    Some((user, _)) if user.is_active => {
                        if let Some(new_hash) = new_hash {
                            store::set_password(conn, user.key, new_hash)?;
                        }
                        Some(store::credentials_generation(conn, user.key)?)
                    }
                    Some(_) | None => None,
                },
                None => None,
            };
            if let (Some(_), Some(account)) = (generation, &account) {
                login_throttle::clear_attempts(conn, account, &network)?;
            }
            let kind =
                if generation.is_some() { success } else { may_record_failure.then_some(EventKind::SignInFailed) };
            if let Some(kind) = kind {
                Event { actor: user_uuid.as_ref(), detail: Some(&network), ..actor.event(kind) }.record(conn)?;
            }
            Ok::<_, DbError>(Some(generation))
        })
        .await?;
    match result {
        Some(Some(generation)) => {
            let (user, hash) = outcome?;
            Ok(Some(VerifiedUser { user, hash: new_hash.unwrap_or(hash), generation }))
        }
        Some(None) => {
            log_attempt("failed", client, user_uuid.as_ref());
            Err(LoginError::InvalidCredentials)
        }
        None => {
            drop(turn);
            forget_attempt(app, accounts, attempt).await;
            Ok(None)
        }
    }
}

/// Logs a failed or locked attempt in the format of `deploy/fail2ban/latchkey.conf`.
fn log_attempt(outcome: &str, client: &ClientInfo, user: Option<&PublicId>) {
    log::warn!(target: LOGIN_LOG, "sign-in {outcome} from {} for {}", client.ip, user.map_or("an unknown account", PublicId::as_str));
}

#[cfg(test)]
mod tests {
    use diesel::prelude::*;

    use super::*;
    use crate::accounts::login_throttle::PER_ACCOUNT_AND_ADDRESS;
    use crate::accounts::password_hasher::PasswordHasher;
    use crate::base::clock::{Clock, ManualClock, Timestamp};
    use crate::db::Db;
    use crate::db::schema::{events, sign_in_attempts};
    use crate::web::app_state::SiteConfig;

    struct Fixture {
        app: AppState,
        accounts: AccountServices,
        clock: ManualClock,
        _folder: tempfile::TempDir,
    }

    impl Fixture {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let db = Db::open(&folder.path().join("x.db").to_string_lossy().parse().unwrap()).unwrap();
            let clock = ManualClock::at(Timestamp::from_micros(1_795_435_200_000_000));
            let site = SiteConfig { public_url: "http://127.0.0.1:8080".parse().unwrap(), trusted_proxies: vec![] };
            let app = AppState { db, clock: Clock::Manual(clock.clone()), site: Arc::new(site) };
            let accounts = AccountServices::new(PasswordHasher::insecure_for_tests(), b"key", 1);
            Self { app, accounts, clock, _folder: folder }
        }

        /// Signs in with a wrong password from the address `203.0.113.{last}`.
        async fn fail(&self, last: u8) -> LoginError {
            let client = ClientInfo { ip: std::net::Ipv4Addr::new(203, 0, 113, last).into(), agent: None };
            sign_in(&self.app, &self.accounts, "alice@example.org", "password", &client).await.err().unwrap()
        }

        async fn lock(&self, last: u8) {
            for nth in 0..=PER_ACCOUNT_AND_ADDRESS {
                let is_locked = matches!(self.fail(last).await, LoginError::RateLimited(_));
                assert_eq!(is_locked, nth == PER_ACCOUNT_AND_ADDRESS);
            }
        }

        /// Events and attempts.
        fn count(&self) -> (i64, i64) {
            let count = |conn: &mut DbConnection| {
                let attempts = sign_in_attempts::table.count().get_result(conn)?;
                Ok::<_, DbError>((events::table.count().get_result(conn)?, attempts))
            };
            self.app.db.read_blocking(count).unwrap()
        }
    }

    #[actix_web::test]
    async fn events_of_failed_and_locked_logins_are_bounded_per_day() {
        let fixture = Fixture::new();
        fixture.lock(1).await;
        let events_of_a_lock = i64::try_from(PER_ACCOUNT_AND_ADDRESS).unwrap() + 1;
        assert_eq!(fixture.count().0, events_of_a_lock);
        while fixture.accounts.failure_events.take(fixture.app.clock.now()) {}
        fixture.lock(2).await;
        assert_eq!(fixture.count().0, events_of_a_lock);
        fixture.clock.advance(Duration::from_hours(24));
        fixture.lock(3).await;
        assert_eq!(fixture.count().0, 2 * events_of_a_lock);
    }

    #[actix_web::test]
    async fn a_login_beyond_the_maximum_is_refused_at_once_and_writes_nothing() {
        let fixture = Fixture::new();
        let places = fixture.accounts.logins.available_permits();
        let taken = fixture.accounts.logins.acquire_many(u32::try_from(places).unwrap()).await.unwrap();
        assert!(matches!(fixture.fail(1).await, LoginError::Busy));
        assert_eq!(fixture.count(), (0, 0));
        drop(taken);
        assert!(matches!(fixture.fail(1).await, LoginError::InvalidCredentials));
        assert_eq!(fixture.accounts.logins.available_permits(), places);
    }
}
