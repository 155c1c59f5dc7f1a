//! Passwords: the rule for a new one, and argon2id, off the async threads and few at once.

use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use argon2::{Algorithm, Argon2, Block, Params, PasswordHasher as _, Version};
use tokio::sync::{Semaphore, oneshot};
use zeroize::Zeroizing;

use crate::accounts::model::{EmailAddress, PasswordHash};
use crate::base::random::{self, CryptoRng};
use crate::base::text::{ValidationError, case_fold};
use crate::web::error::PageError;
use crate::web::form::{Field, Form};

/// The least and the most characters of a password.
pub const LENGTH: std::ops::RangeInclusive<usize> = 12..=128;

/// How many passwords are hashed at once: each takes 19 MiB and a core for some 30 ms.
const MAX_CONCURRENT_HASHES: usize = 2;

/// How long one waits for a turn before being told to come back.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);

const COMMON_PASSWORDS: &str = include_str!("common_passwords.txt");

/// A password that its owner may have. Wiped when dropped, never printed.
pub struct NewPassword(Zeroizing<String>);

impl NewPassword {
    /// Takes 12 to 128 characters of any kind, but no common password and not the owner's address (NIST SP 800-63B,
    /// section 3.1.1.2: no rules on composition).
    pub fn parse(text: &str, owner: Option<&EmailAddress>) -> Result<Self, ValidationError> {
        let length = text.chars().count();
        if length < *LENGTH.start() {
            return Err(ValidationError::new(format!(
                "Use at least {} characters. A few words in a row are easy to remember.",
                LENGTH.start()
            )));
        }
        if length > *LENGTH.end() {
            return Err(ValidationError::new(format!("Use at most {} characters.", LENGTH.end())));
        }
        let folded = case_fold(text);
        if owner.is_some_and(|owner| folded.contains(&owner.key()) || owner.key().contains(&folded)) {
            return Err(ValidationError::new("Choose a password that is not your e-mail address."));
        }
        if is_common(&folded) {
            return Err(ValidationError::new(
                "This password is among the first that an attacker tries. Choose another.",
            ));
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// Reads the field `name` of a form. What was typed is never shown again; what is wrong with it is.
    #[must_use]
    pub fn read(form: &Form, name: &str, owner: Option<&EmailAddress>) -> (Field, Option<Self>) {
        match Self::parse(form.text(name), owner) {
            Ok(password) => (Field::default(), Some(password)),
            Err(refused) => (Field::default().with_error(refused.0), None),
        }
    }
}

impl std::fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewPassword(…)")
    }
}

/// On the list, or a short piece over and over, or a run along the alphabet, the digits or the keyboard.
fn is_common(folded: &str) -> bool {
    const RUNS: &str = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz 01234567890123456789 98765432109876543210 qwertyuiopasdfghjklzxcvbnm qwertzuiopasdfghjklyxcvbnm azertyuiopqsdfghjklmwxcvbn 1234567890qwertyuiop qwertyuiop1234567890 zyxwvutsrqponmlkjihgfedcba";
    let chars: Vec<char> = folded.chars().collect();
    let repeats = |len: usize| chars.iter().zip(&chars[len..]).all(|(a, b)| a == b);
    COMMON_PASSWORDS.lines().any(|line| line == folded) || (1..=6).any(repeats) || RUNS.contains(folded)
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordCheck {
    /// It is the password.
    Match,
    /// It is not, or there is no such account.
    Mismatch,
    /// Nobody looked: too many were being checked.
    Busy,
}

/// The hasher and the queue before it; clones share the queue.
#[derive(Clone)]
pub struct PasswordHasher {
    argon2: Argon2<'static>,
    permits: Arc<Semaphore>,
    threads: Sender<Job>,
}

type Job = Box<dyn FnOnce(&mut Argon2Memory) + Send>;

/// What a check fills and leaves for the next one on its thread.
type Argon2Memory = Vec<Block>;

/// Threads for nothing but passwords, which end with the last handle. Each keeps the memory that its checks need:
/// taken and given back each time, the allocator made 200 MB of it in a few minutes.
fn threads() -> Sender<Job> {
    let (sender, receiver) = mpsc::channel::<Job>();
    let receiver = Arc::new(Mutex::new(receiver));
    for _ in 0..MAX_CONCURRENT_HASHES {
        let receiver = Arc::clone(&receiver);
        let started = std::thread::Builder::new().name("passwords".to_owned()).spawn(move || {
            let next = || receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let mut memory = Argon2Memory::new();
            while let Ok(work) = next() {
                // Whoever waits for it hears of a panic by the end of its channel.
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(&mut memory)));
            }
        });
        if let Err(error) = started {
            log::error!("a thread for passwords could not be started: {error}");
        }
    }
    sender
}

impl PasswordHasher {
    /// argon2id with 19 MiB, 2 passes, 1 lane: OWASP's Password Storage Cheat Sheet.
    #[must_use]
    pub fn owasp() -> Self {
        Self::with(Params::default())
    }

    /// Next to no work, for tests.
    #[must_use]
    pub fn insecure_for_tests() -> Self {
        Self::with(Params::new(Params::MIN_M_COST, Params::MIN_T_COST, Params::MIN_P_COST, None).unwrap_or_default())
    }

    fn with(params: Params) -> Self {
        Self {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            permits: Arc::new(Semaphore::new(MAX_CONCURRENT_HASHES)),
            threads: threads(),
        }
    }

    /// Hashes with a fresh salt on this thread, for as long as it takes.
    pub fn hash_blocking(&self, password: &NewPassword, rng: &mut impl CryptoRng) -> Result<PasswordHash, HashError> {
        let salt: [u8; 16] = random::bytes(rng);
        let hash = self
            .argon2
            .hash_password_with_salt(password.0.as_bytes(), &salt)
            .map_err(|error| HashError::Refused(error.to_string()))?;
        Ok(PasswordHash(hash.to_string()))
    }

    /// Hashes off the async threads, in turn.
    pub async fn hash(&self, password: NewPassword) -> Result<PasswordHash, HashError> {
        let this = self.clone();
        let hashed = self.run_limited(move |_| this.hash_blocking(&password, &mut random::os_rng())).await;
        hashed.unwrap_or(Err(HashError::Busy))
    }

    /// Checks a password as typed, off the async threads, in turn. Without a hash it does the same work and says wrong.
    pub async fn verify(&self, password: &str, hash: Option<PasswordHash>) -> PasswordCheck {
        let is_somebody = hash.is_some();
        // Longer than any password can be: not worth the work of hashing it, and refused by its length alone.
        let password = Zeroizing::new(password.chars().take(*LENGTH.end() + 1).collect::<String>());
        let hash = hash.map_or_else(|| DUMMY_HASH.to_owned(), |hash| hash.0);
        match self.run_limited(move |memory| verify_hash(memory, password.as_bytes(), &hash).is_some_and(|is| is)).await
        {
            None => PasswordCheck::Busy,
            Some(true) if is_somebody => PasswordCheck::Match,
            Some(_) => PasswordCheck::Mismatch,
        }
    }

    async fn run_limited<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Argon2Memory) -> T + Send + 'static,
    ) -> Option<T> {
        let turn = tokio::time::timeout(QUEUE_TIMEOUT, Arc::clone(&self.permits).acquire_owned()).await.ok()?.ok()?;
        let (tell, told) = oneshot::channel();
        let work = Box::new(move |memory: &mut Argon2Memory| {
            let done = work(memory);
            drop(turn);
            // Nobody waits any more: the browser has gone.
            let _ = tell.send(done);
        });
        self.threads.send(work).ok()?;
        told.await.ok()
    }
}

/// A hash of nothing anybody knows, made with the strong parameters: work to do for an unknown address.
const DUMMY_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm90aGluZyBhdCBhbGw$ZB0f8J2q8mHf0Vh1qg3dyfYyB3bA5bC0Z2u3x0lq2yA";

/// Is the password the one of this hash? `None` for what is no hash. Compares in constant time.
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

/// Why there is no hash.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// argon2 refused its parameters or its input.
    #[error("the password can't be hashed: {0}")]
    Refused(String),
    /// No turn came: too many were being hashed.
    #[error("no turn for a password")]
    Busy,
}

impl From<HashError> for PageError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Refused(_) => Self::Internal(error.to_string()),
            HashError::Busy => Self::Unavailable(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_password_is_long_and_not_the_first_guess() {
        let ada = "ada@example.org".parse().unwrap();
        let choose = |text: &str| NewPassword::parse(text, Some(&ada));
        assert!(choose("correct horse battery staple").is_ok());
        assert!(choose("пароль для входа").is_ok());
        for bad in [
            "",
            "short",
            "elevenchars",
            &"x".repeat(200),
            "aaaaaaaaaaaaa",
            "abcabcabcabcabc",
            "123456789012",
            "qwertyuiopasdf",
            "PasswordPassword",
            "Password1234",
            "Ada@Example.org",
            "abcdefghijklm",
        ] {
            assert!(choose(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_password_and_its_hash_print_nothing() {
        let password = NewPassword::parse("correct horse battery staple", None).unwrap();
        let hash = PasswordHasher::insecure_for_tests().hash_blocking(&password, &mut random::os_rng()).unwrap();
        assert_eq!(format!("{password:?} {hash:?}"), "NewPassword(…) PasswordHash(…)");
    }

    #[test]
    fn the_work_for_an_unknown_address_is_the_work_for_a_known_one() {
        let password = NewPassword::parse("correct horse battery staple", None).unwrap();
        let hash = PasswordHasher::owasp().hash_blocking(&password, &mut random::os_rng()).unwrap();
        for hash in [&hash.0, DUMMY_HASH] {
            assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        }
        assert_eq!(
            verify_hash(&mut Argon2Memory::new(), b"correct horse battery staple", DUMMY_HASH),
            Some(false),
            "and it can be done"
        );
    }

    #[actix_web::test]
    async fn a_password_is_checked_against_its_hash() {
        let passwords = PasswordHasher::insecure_for_tests();
        let hash = passwords.hash(NewPassword::parse("correct horse battery staple", None).unwrap()).await.unwrap();
        assert_eq!(passwords.verify("correct horse battery staple", Some(hash.clone())).await, PasswordCheck::Match);
        assert_eq!(passwords.verify("correct horse battery stable", Some(hash)).await, PasswordCheck::Mismatch);
        assert_eq!(passwords.verify("correct horse battery staple", None).await, PasswordCheck::Mismatch);
    }
}
