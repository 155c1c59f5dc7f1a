//! Password hashing with argon2id, on dedicated threads.

use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use argon2::{Algorithm, Argon2, Block, Params, PasswordHasher as _, Version};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use zeroize::Zeroizing;

use crate::accounts::model::PasswordHash;
use crate::accounts::password::{self, NewPassword};
use crate::base::random::{self, CryptoRng};
use crate::base::text::nfc;
use crate::web::error::PageError;

/// Number of passwords hashed in parallel. Each takes 19 MiB and about 30 ms of a core.
const MAX_CONCURRENT_HASHES: usize = 2;

/// Maximum time in the queue.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);

/// The result of [`PasswordHasher::verify`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordCheck {
    /// The password is correct.
    Match,
    /// The password is correct, but its hash should be replaced by that of [`PasswordHasher::rehash`]: it has weaker
    /// parameters than those of this hasher, or is the hash of a password that is not normalized.
    MatchOutdated,
    /// The password is wrong, or there was no hash.
    Mismatch,
    /// The queue was full for [`QUEUE_TIMEOUT`]; nothing was checked.
    Busy,
}

/// The hasher and its queue; clones share the queue.
#[derive(Clone)]
pub struct PasswordHasher {
    argon2: Argon2<'static>,
    permits: Arc<Semaphore>,
    /// One at a time, so that new passwords never occupy all threads and logins always proceed.
    new_passwords: Arc<Semaphore>,
    threads: Sender<Job>,
}

type Job = Box<dyn FnOnce(&mut Argon2Memory) + Send>;

/// argon2's working memory, reused by all jobs of a thread.
type Argon2Memory = Vec<Block>;

/// Starts the threads, which end when the last sender is dropped. Each thread keeps its working memory: allocating and
/// freeing it for every job fragments the heap (200 MB after a few minutes under load).
fn spawn_threads() -> Sender<Job> {
    let (sender, receiver) = mpsc::channel::<Job>();
    let receiver = Arc::new(Mutex::new(receiver));
    for _ in 0..MAX_CONCURRENT_HASHES {
        let receiver = Arc::clone(&receiver);
        let started = std::thread::Builder::new().name("passwords".to_owned()).spawn(move || {
            let next = || receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let mut memory = Argon2Memory::new();
            while let Ok(work) = next() {
                // A panic drops the job's sender, so the receiver gets an error.
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(&mut memory)));
            }
        });
        if let Err(error) = started {
            log::error!("can't start a thread for password hashing: {error}");
        }
    }
    sender
}

/// The minimum parameters. Invalid ones are a compile error.
const INSECURE_PARAMS: Params = match Params::new(Params::MIN_M_COST, Params::MIN_T_COST, Params::MIN_P_COST, None) {
    Ok(params) => params,
    Err(_) => panic!("invalid argon2 parameters"),
};

impl PasswordHasher {
    /// Creates a hasher for argon2id with 19 MiB, 2 passes and 1 lane (OWASP Password Storage Cheat Sheet).
    #[must_use]
    pub fn owasp() -> Self {
        Self::with(Params::default())
    }

    /// Creates a hasher with the minimum parameters, which is fast and insecure, for tests.
    #[must_use]
    pub fn insecure_for_tests() -> Self {
        Self::with(INSECURE_PARAMS)
    }

    fn with(params: Params) -> Self {
        Self {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            permits: Arc::new(Semaphore::new(MAX_CONCURRENT_HASHES)),
            new_passwords: Arc::new(Semaphore::new(1)),
            threads: spawn_threads(),
        }
    }

    /// Takes all permits, for tests: until the result is dropped, every hash and every check waits in the queue. `None` if
    /// a permit is in use.
    #[must_use]
    pub fn take_permits_for_tests(&self) -> Option<Vec<OwnedSemaphorePermit>> {
        (0..MAX_CONCURRENT_HASHES).map(|_| Arc::clone(&self.permits).try_acquire_owned().ok()).collect()
    }

    /// Hashes a password with a new salt on the calling thread.
    pub fn hash_blocking(&self, password: &NewPassword, rng: &mut impl CryptoRng) -> Result<PasswordHash, HashError> {
        self.hash_text(password.reveal(), rng)
    }

    fn hash_text(&self, text: &str, rng: &mut impl CryptoRng) -> Result<PasswordHash, HashError> {
        let salt: [u8; 16] = random::bytes(rng);
        let hash = self
            .argon2
            .hash_password_with_salt(text.as_bytes(), &salt)
            .map_err(|error| HashError::Failed(error.to_string()))?;
        Ok(PasswordHash::new(hash.to_string()))
    }

    /// Queues a password for a hashing thread and returns its hash.
    pub async fn hash(&self, password: NewPassword) -> Result<PasswordHash, HashError> {
        let turn = tokio::time::timeout(QUEUE_TIMEOUT, self.new_passwords.acquire()).await;
        let Ok(Ok(_turn)) = turn else { return Err(HashError::Busy) };
        let this = self.clone();
        let hashed = self.run_limited(move |_| this.hash_blocking(&password, &mut random::os_rng())).await;
        hashed.unwrap_or(Err(HashError::Busy))
    }

    /// Queues the password of an existing account for a hashing thread and returns a new hash. The rules for new passwords do
    /// not apply.
    pub async fn rehash(&self, password: &str) -> Result<PasswordHash, HashError> {
        let (this, password) = (self.clone(), Zeroizing::new(nfc(password)));
        let hashed = self.run_limited(move |_| this.hash_text(&password, &mut random::os_rng())).await;
        hashed.unwrap_or(Err(HashError::Busy))
    }

    /// Queues a password for a hashing thread and compares it with `hash`: first normalized, then as typed, since version
    /// 0.1.0 hashed passwords as typed. Without a hash it does the same work and returns [`PasswordCheck::Mismatch`].
    pub async fn verify(&self, password: &str, hash: Option<PasswordHash>) -> PasswordCheck {
        let has_hash = hash.is_some();
        // A longer input can't be a password; hashing one character more than the maximum gives a mismatch.
        let cut = |text: &str| Zeroizing::new(text.chars().take(*password::LENGTH.end() + 1).collect::<String>());
        let mut spellings = vec![cut(&Zeroizing::new(nfc(password)))];
        let typed = cut(password);
        if spellings[0] != typed {
            spellings.push(typed);
        }
        let hash = hash.unwrap_or_else(|| PasswordHash::new(DUMMY_HASH.to_owned()));
        let is_weak = self.is_weaker(&hash);
        let matching = self.run_limited(move |memory| {
            spellings.iter().position(|text| verify_hash(memory, text.as_bytes(), hash.reveal()) == Some(true))
        });
        match matching.await {
            None => PasswordCheck::Busy,
            Some(Some(0)) if has_hash && !is_weak => PasswordCheck::Match,
            Some(Some(_)) if has_hash => PasswordCheck::MatchOutdated,
            Some(_) => PasswordCheck::Mismatch,
        }
    }

    /// Returns whether a hash has another algorithm than this hasher, or a lower cost.
    fn is_weaker(&self, hash: &PasswordHash) -> bool {
        let is_as_strong = || {
            let hash = argon2::PasswordHash::new(hash.reveal()).ok()?;
            let (wanted, params) = (self.argon2.params(), Params::try_from(&hash).ok()?);
            Some(
                Algorithm::try_from(hash.algorithm.as_str()).ok()? == Algorithm::Argon2id
                    && Version::try_from(hash.version?).ok()? == Version::V0x13
                    && params.m_cost() >= wanted.m_cost()
                    && params.t_cost() >= wanted.t_cost()
                    && params.p_cost() >= wanted.p_cost(),
            )
        };
        is_as_strong() != Some(true)
    }

    /// Runs `work` on a hashing thread. Returns `None` if the queue is full for [`QUEUE_TIMEOUT`].
    async fn run_limited<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Argon2Memory) -> T + Send + 'static,
    ) -> Option<T> {
        let permit = tokio::time::timeout(QUEUE_TIMEOUT, Arc::clone(&self.permits).acquire_owned()).await.ok()?.ok()?;
        let (tx, rx) = oneshot::channel();
        let job = Box::new(move |memory: &mut Argon2Memory| {
            let result = work(memory);
            // The receiver is dropped if the client closed the connection.
            let _ = tx.send(result);
            drop(permit);
        });
        self.threads.send(job).ok()?;
        rx.await.ok()
    }
}

/// A hash with the parameters of [`PasswordHasher::owasp`] that no known password has. Checking it takes the same time as
/// checking a user's hash.
const DUMMY_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm90aGluZyBhdCBhbGw$ZB0f8J2q8mHf0Vh1qg3dyfYyB3bA5bC0Z2u3x0lq2yA";

/// Returns whether the password has this hash, or `None` if the hash is malformed. Compares in constant time.
fn verify_hash(memory: &mut Argon2Memory, password: &[u8], hash: &str) -> Option<bool> {
    let hash = argon2::PasswordHash::new(hash).ok()?;
    let (salt, expected) = (hash.salt.as_ref()?, hash.hash.as_ref()?);
    let (algorithm, version) =
        (Algorithm::try_from(hash.algorithm.as_str()).ok()?, Version::try_from(hash.version?).ok()?);
    let params = Params::try_from(&hash).ok()?;
    memory.resize(params.block_count(), Block::default());
    let mut output = vec![0; expected.len()];
    Argon2::new(algorithm, version, params)
        .hash_password_into_with_memory(password, salt.as_ref(), &mut output, &mut memory[..])
        .ok()?;
    Some(argon2::password_hash::phc::Output::new(&output).is_ok_and(|output| output == *expected))
}

/// The reason a password was not hashed.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// argon2 failed.
    #[error("can't hash the password: {0}")]
    Failed(String),
    /// The queue was full for [`QUEUE_TIMEOUT`].
    #[error("too many passwords are being hashed")]
    Busy,
}

impl From<HashError> for PageError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Failed(_) => Self::Internal(error.to_string()),
            HashError::Busy => Self::Unavailable(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
