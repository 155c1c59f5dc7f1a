//! Process-wide services of accounts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::accounts::locked_logins::{DailyBudget, LockedLogins};
use crate::accounts::model::EmailAddress;
use crate::accounts::password_hasher::PasswordHasher;
use crate::accounts::store;
use crate::db::{Db, DbError};

/// Number of logins that query the database at the same time.
const MAX_CONCURRENT_LOGIN_QUERIES: usize = 1;

/// Maximum time in the queue for the database.
const LOGIN_QUEUE_TIMEOUT: Duration = Duration::from_secs(5);

/// Maximum number of logins that wait or run. Two threads could not check more passwords within the timeouts of the queues.
const MAX_LOGINS: usize = 256;

/// Delay of the response to an attempt that is rejected without a query. A client that repeats such attempts then uses
/// hardly any CPU time.
const REJECTION_DELAY: Duration = Duration::from_millis(500);

/// Maximum number of responses that are delayed at the same time: 16 MiB of connections. The rest are sent immediately.
pub(crate) const MAX_DELAYED_RESPONSES: usize = 1024;

/// The password hasher, and the key for digests of account names; clones share them.
#[derive(Clone)]
pub struct AccountServices {
    /// Hashes and checks passwords. Only [`crate::accounts::login`] uses it, so that every path has the same limits.
    pub(super) passwords: PasswordHasher,
    pepper: [u8; 32],
    pub(crate) locked: Arc<LockedLogins>,
    pub(crate) failure_events: Arc<DailyBudget>,
    pub(super) logins: Arc<Semaphore>,
    login_queue: Arc<Semaphore>,
    delayed: Arc<Semaphore>,
    /// Whether a query found a user. Users are never deleted, so this never becomes false again.
    has_users: Arc<AtomicBool>,
}

impl AccountServices {
    /// Derives the key from `site_key`, which all instances share. `max_delayed` is at most [`MAX_DELAYED_RESPONSES`], and
    /// less where few connections are possible.
    #[must_use]
    pub(crate) fn new(passwords: PasswordHasher, site_key: &[u8], max_delayed: usize) -> Self {
        let mut sha = Sha256::new_with_prefix(b"latchkey sign-in attempts");
        sha.update(site_key);
        Self {
            passwords,
            pepper: sha.finalize().into(),
            locked: Arc::default(),
            failure_events: Arc::default(),
            logins: Arc::new(Semaphore::new(MAX_LOGINS)),
            login_queue: Arc::new(Semaphore::new(MAX_CONCURRENT_LOGIN_QUERIES)),
            delayed: Arc::new(Semaphore::new(max_delayed)),
            has_users: Arc::default(),
        }
    }

    /// Returns whether there is a user. After the first user it needs no query, so that the login page works while the
    /// database is unavailable.
    pub async fn has_users(&self, db: &Db) -> Result<bool, DbError> {
        if !self.has_users.load(Ordering::Relaxed) {
            self.has_users.store(db.read(store::has_users).await?, Ordering::Relaxed);
        }
        Ok(self.has_users.load(Ordering::Relaxed))
    }

    /// Waits for a turn to query the database for a login. `None` if the queue is too long. Logins wait here and not for a
    /// connection or a lock, so that a flood of them does not delay other work.
    pub(crate) async fn login_turn(&self) -> Option<OwnedSemaphorePermit> {
        let turn = Arc::clone(&self.login_queue).acquire_owned();
        tokio::time::timeout(LOGIN_QUEUE_TIMEOUT, turn).await.ok()?.ok()
    }

    /// Waits before the response to an attempt that was rejected without a query.
    pub(crate) async fn delay_rejection(&self) {
        if let Ok(_place) = self.delayed.try_acquire() {
            tokio::time::sleep(REJECTION_DELAY).await;
        }
    }

    /// Returns the digest of an account under which failed logins are stored. It is keyed, because users sometimes type
    /// their password into the email field.
    pub(crate) fn account_digest(&self, email: &EmailAddress) -> [u8; 32] {
        let mut sha = Sha256::new_with_prefix(self.pepper);
        sha.update(email.case_folded());
        sha.finalize().into()
    }
}
