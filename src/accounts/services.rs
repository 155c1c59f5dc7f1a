//! Process-wide services of accounts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sha2::{Digest as _, Sha256};

use crate::accounts::model::EmailAddress;
use crate::accounts::password::PasswordHasher;
use crate::accounts::store;
use crate::db::{Db, DbError};

/// What accounts need of the process: the password hasher and its queue, and a key of the site's.
#[derive(Clone)]
pub struct AccountServices {
    /// Hashes and checks passwords, few at once.
    pub passwords: PasswordHasher,
    pepper: [u8; 32],
    /// Somebody could sign in when it was last asked; there is no way back.
    has_users: Arc<AtomicBool>,
}

impl AccountServices {
    /// With `site_key`, which every instance of the site shares.
    #[must_use]
    pub fn new(passwords: PasswordHasher, site_key: &[u8]) -> Self {
        let mut sha = Sha256::new_with_prefix(b"latchkey sign-in attempts");
        sha.update(site_key);
        Self { passwords, pepper: sha.finalize().into(), has_users: Arc::default() }
    }

    /// Is there anybody who could sign in? Asks the database only until there is, so that the sign-in page shows
    /// while the database is down.
    pub async fn has_users(&self, db: &Db) -> Result<bool, DbError> {
        if !self.has_users.load(Ordering::Relaxed) {
            self.has_users.store(db.read(store::has_users).await?, Ordering::Relaxed);
        }
        Ok(self.has_users.load(Ordering::Relaxed))
    }

    /// A name for an account that failures are counted under. Keyed, because people type their password into the
    /// wrong field, and this is stored.
    pub(crate) fn account_digest(&self, email: &EmailAddress) -> [u8; 32] {
        let mut sha = Sha256::new_with_prefix(self.pepper);
        sha.update(email.key());
        sha.finalize().into()
    }
}
