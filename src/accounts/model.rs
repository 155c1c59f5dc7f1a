//! Users and email addresses.

use std::str::FromStr;

use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::base::random::CryptoRng;
use crate::base::text::{DisplayName, ValidationError, case_fold, is_control_or_bidi, is_invisible};
use crate::db::ids::UserId;

/// An e-mail address: something before an `@`, something after it, nothing invisible. Whether mail arrives there
/// is not asked; it is the name to sign in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// The address as it was typed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address as it is compared: letters' case does not count.
    #[must_use]
    pub fn key(&self) -> String {
        case_fold(&self.0)
    }
}

impl FromStr for EmailAddress {
    type Err = ValidationError;
    fn from_str(text: &str) -> Result<Self, ValidationError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ValidationError::new("Enter an e-mail address."));
        }
        // RFC 5321, section 4.5.3.1: a path is at most 256 octets with its angle brackets.
        if text.len() > 254 {
            return Err(ValidationError::new("Use an e-mail address of at most 254 characters."));
        }
        let fits = text.rsplit_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && !domain.is_empty() && !domain.starts_with('.') && !local.contains('@')
        });
        // The rules of names against deceptive characters hold for the whole address, whatever the length of its parts.
        let is_plain = !text.contains(char::is_whitespace)
            && !text.chars().any(is_control_or_bidi)
            && !text.split('@').any(|part| part.chars().all(is_invisible));
        if fits && is_plain {
            Ok(Self(text.to_owned()))
        } else {
            Err(ValidationError::new("Enter an e-mail address like ada@example.org."))
        }
    }
}

/// A person with an e-mail address and a password.
#[derive(Debug, Clone)]
pub struct User {
    pub(crate) key: UserId,
    /// The public identifier.
    pub uuid: PublicId,
    /// The address to sign in with.
    pub email: EmailAddress,
    /// What the person is called.
    pub name: DisplayName,
    /// A user who is not may not sign in, and the API refuses their tokens.
    pub is_active: bool,
}

impl User {
    /// The key under which the database knows them.
    #[must_use]
    pub fn key(&self) -> UserId {
        self.key
    }
}

/// A user about to be added. Holds everything that is random, so that a transaction may be run again.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The public identifier.
    pub uuid: PublicId,
    /// The address to sign in with.
    pub email: EmailAddress,
    /// What the person is called.
    pub name: DisplayName,
    /// The hash of their password.
    pub password: PasswordHash,
    /// When.
    pub at: Timestamp,
}

impl NewUser {
    /// A user with a fresh identifier.
    #[must_use]
    pub fn new(
        email: EmailAddress,
        name: DisplayName,
        password: PasswordHash,
        at: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Self {
        Self { uuid: PublicId::new(at, rng), email, name, password, at }
    }
}

/// The hash of a password as a PHC string. Never printed.
#[derive(Clone)]
pub struct PasswordHash(pub(crate) String);

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_address_has_two_sides_and_nothing_invisible() {
        for good in ["ada@example.org", " Ada.Lovelace+x@sub.example.org ", "ü@bücher.example", "root@localhost"] {
            assert!(good.parse::<EmailAddress>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "a b@example.org",
            "ada@exa\u{202E}mple.org",
            &format!("ada@exa\u{202E}mple.{}.org", "x".repeat(60)),
            "\u{200B}@example.org",
            "a@b@c",
            "ada\0@example.org",
            &format!("{}@example.org", "x".repeat(250)),
        ] {
            assert!(bad.parse::<EmailAddress>().is_err(), "{bad}");
        }
        assert_eq!("Ada@Example.org".parse::<EmailAddress>().unwrap().key(), "ada@example.org");
    }

    proptest! {
        #[test]
        fn an_address_is_read_as_it_is_written(
            text in prop_oneof!["[a-zA-Z@. +ü\u{202E}\r\n,-]{0,20}", "\\PC{1,9}@\\PC{1,9}", any::<String>()],
        ) {
            let Ok(email) = text.parse::<EmailAddress>() else { return Ok(()) };
            prop_assert_eq!(email.as_str(), text.trim());
            prop_assert_eq!(email.as_str().parse::<EmailAddress>().unwrap().key(), email.key());
            prop_assert_eq!(email.as_str().matches('@').count(), 1);
            prop_assert!(!email.as_str().contains(char::is_whitespace) && !email.as_str().contains(char::is_control));
        }
    }
}
