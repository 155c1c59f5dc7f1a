//! Passwords: the rule for a new one, and argon2id, off the async threads and few at once.

use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use argon2::{Algorithm, Argon2, Block, Params, PasswordHasher as _, Version};
use tokio::sync::{Semaphore, oneshot};
use zeroize::Zeroizing;

use crate::accounts::model::EmailAddress;
use crate::base::random::{self, CryptoRng};
use crate::base::text::{Refused, fold};
use crate::web::error::PageError;
use crate::web::form::{Field, Form};

/// The least and the most characters of a password.
pub const LENGTH: std::ops::RangeInclusive<usize> = 12..=128;

/// How many passwords are hashed at once: each takes 19 MiB and a core for some 30 ms.
const AT_ONCE: usize = 2;

/// How long one waits for a turn before being told to come back.
const PATIENCE: Duration = Duration::from_secs(5);

const COMMON: &str = include_str!("common_passwords.txt");

/// A password that its owner may have. Wiped when dropped, never printed.
pub struct NewPassword(Zeroizing<String>);

impl NewPassword {
    /// Takes 12 to 128 characters of any kind, but no common password and not the owner's address (NIST SP 800-63B,
    /// section 3.1.1.2: no rules on composition).
    pub fn choose(text: &str, owner: Option<&EmailAddress>) -> Result<Self, Refused> {
        let length = text.chars().count();
        if length < *LENGTH.start() {
            return Err(Refused::because(format!(
                "Use at least {} characters. A few words in a row are easy to remember.",
                LENGTH.start()
            )));
        }
        if length > *LENGTH.end() {
            return Err(Refused::because(format!("Use at most {} characters.", LENGTH.end())));
        }
        let folded = fold(text);
        if owner.is_some_and(|owner| folded.contains(&owner.key()) || owner.key().contains(&folded)) {
            return Err(Refused::because("Choose a password that is not your e-mail address."));
        }
        if is_common(&folded) {
            return Err(Refused::because("This password is among the first that an attacker tries. Choose another."));
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// Reads the field `name` of a form. What was typed is never shown again; what is wrong with it is.
    #[must_use]
    pub fn read(form: &Form, name: &str, owner: Option<&EmailAddress>) -> (Field, Option<Self>) {
        match Self::choose(form.text(name), owner) {
            Ok(password) => (Field::default(), Some(password)),
            Err(refused) => (Field::default().refused(refused.0), None),
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
    COMMON.lines().any(|line| line == folded) || (1..=6).any(repeats) || RUNS.contains(folded)
}

/// The hash of a password as a PHC string. Never printed.
#[derive(Clone)]
pub struct PasswordHash(pub(crate) String);

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the password.
    Right,
    /// It is not, or there is no such account.
    Wrong,
    /// Nobody looked: too many were being checked.
    Busy,
}

/// The hasher and the queue before it; clones share the queue.
#[derive(Clone)]
pub struct Passwords {
    argon2: Argon2<'static>,
    turns: Arc<Semaphore>,
    threads: Sender<Work>,
}

type Work = Box<dyn FnOnce(&mut Memory) + Send>;

/// What a check fills and leaves for the next one on its thread.
type Memory = Vec<Block>;

/// Threads for nothing but passwords, which end with the last handle. Each keeps the memory that its checks need:
/// taken and given back each time, the allocator made 200 MB of it in a few minutes.
fn threads() -> Sender<Work> {
    let (sender, receiver) = mpsc::channel::<Work>();
    let receiver = Arc::new(Mutex::new(receiver));
    for _ in 0..AT_ONCE {
        let receiver = Arc::clone(&receiver);
        let started = std::thread::Builder::new().name("passwords".to_owned()).spawn(move || {
            let next = || receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let mut memory = Memory::new();
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

impl Passwords {
    /// argon2id with 19 MiB, 2 passes, 1 lane: OWASP's Password Storage Cheat Sheet.
    #[must_use]
    pub fn strong() -> Self {
        Self::with(Params::default())
    }

    /// Next to no work, for tests.
    #[must_use]
    pub fn weak() -> Self {
        Self::with(Params::new(Params::MIN_M_COST, Params::MIN_T_COST, Params::MIN_P_COST, None).unwrap_or_default())
    }

    fn with(params: Params) -> Self {
        Self {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
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
        let hashed = self.in_turn(move |_| this.hash_blocking(&password, &mut random::secure())).await;
        hashed.unwrap_or(Err(HashError::Busy))
    }

    /// Checks a password as typed, off the async threads, in turn. Without a hash it does the same work and says wrong.
    pub async fn verify(&self, password: &str, hash: Option<PasswordHash>) -> Verdict {
        let is_somebody = hash.is_some();
        // Longer than any password can be: not worth the work of hashing it, and refused by its length alone.
        let password = Zeroizing::new(password.chars().take(*LENGTH.end() + 1).collect::<String>());
        let hash = hash.map_or_else(|| NOBODY.to_owned(), |hash| hash.0);
        match self.in_turn(move |memory| is_of(memory, password.as_bytes(), &hash).is_some_and(|is| is)).await {
            None => Verdict::Busy,
            Some(true) if is_somebody => Verdict::Right,
            Some(_) => Verdict::Wrong,
        }
    }

    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce(&mut Memory) -> T + Send + 'static) -> Option<T> {
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned()).await.ok()?.ok()?;
        let (tell, told) = oneshot::channel();
        let work = Box::new(move |memory: &mut Memory| {
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
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm90aGluZyBhdCBhbGw$ZB0f8J2q8mHf0Vh1qg3dyfYyB3bA5bC0Z2u3x0lq2yA";

/// Is the password the one of this hash? `None` for what is no hash. Compares in constant time.
fn is_of(memory: &mut Memory, password: &[u8], hash: &str) -> Option<bool> {
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
        let choose = |text: &str| NewPassword::choose(text, Some(&ada));
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
        let password = NewPassword::choose("correct horse battery staple", None).unwrap();
        let hash = Passwords::weak().hash_blocking(&password, &mut random::secure()).unwrap();
        assert_eq!(format!("{password:?} {hash:?}"), "NewPassword(…) PasswordHash(…)");
    }

    #[test]
    fn the_work_for_an_unknown_address_is_the_work_for_a_known_one() {
        let password = NewPassword::choose("correct horse battery staple", None).unwrap();
        let hash = Passwords::strong().hash_blocking(&password, &mut random::secure()).unwrap();
        for hash in [&hash.0, NOBODY] {
            assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        }
        assert_eq!(
            is_of(&mut Memory::new(), b"correct horse battery staple", NOBODY),
            Some(false),
            "and it can be done"
        );
    }

    #[actix_web::test]
    async fn a_password_is_checked_against_its_hash() {
        let passwords = Passwords::weak();
        let hash = passwords.hash(NewPassword::choose("correct horse battery staple", None).unwrap()).await.unwrap();
        assert_eq!(passwords.verify("correct horse battery staple", Some(hash.clone())).await, Verdict::Right);
        assert_eq!(passwords.verify("correct horse battery stable", Some(hash)).await, Verdict::Wrong);
        assert_eq!(passwords.verify("correct horse battery staple", None).await, Verdict::Wrong);
    }
}
