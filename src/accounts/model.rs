//! Users and email addresses.

use std::num::ParseIntError;
use std::str::FromStr;

use secrecy::{ExposeSecret as _, SecretString};
use unicode_normalization::{UnicodeNormalization as _, is_nfkc};
use unicode_security::{MixedScript, skeleton};

use crate::audit::actor::Actor;
use crate::base::client_info::ClientInfo;
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::base::random::CryptoRng;
use crate::base::text::{
    DisplayName, ValidationError, case_fold, is_control_or_bidi, is_default_ignorable, is_visible, nfc,
};
use crate::db::ids::UserId;

/// An email address: at most 254 bytes in Unicode normalization form C, one `@` with text on both sides. It has no
/// whitespace, control or invisible characters, and no characters that make it look like another address. It identifies the
/// user at login.
#[derive(Debug, Clone, PartialEq, Eq, derive_more::Display)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// Returns the address in its original spelling.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the key for comparison without regard to case and composition. New accounts are stored under this key.
    #[must_use]
    pub fn case_folded(&self) -> String {
        case_fold(&self.0)
    }

    /// Returns the keys under which an account with this address can be stored, the preferred one first: the address as it
    /// is spelled, then its normalization forms C and D. Version 0.1.0 stored keys in lower case, but not normalized.
    pub(crate) fn lookup_keys(&self) -> [String; 3] {
        let composed = self.case_folded();
        let decomposed = composed.nfd().collect();
        [self.0.to_lowercase(), composed, decomposed]
    }

    /// Parses the address of an existing account and keeps its spelling. Version 0.1.0 stored addresses that are not
    /// normalized, have invisible characters, or mix scripts; they stay readable, and their owners can sign in.
    pub fn for_lookup(text: &str) -> Result<Self, ValidationError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ValidationError::new("Enter an email address."));
        }
        // RFC 5321, section 4.5.3.1: a path is at most 256 octets with its angle brackets.
        if text.len() > 254 {
            return Err(ValidationError::new("Use an email address of at most 254 characters."));
        }
        let has_two_parts = text.rsplit_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && !domain.is_empty() && !domain.starts_with('.') && !local.contains('@')
        });
        if has_two_parts && !text.contains(char::is_whitespace) && !text.chars().any(is_control_or_bidi) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ValidationError::new("Enter an email address like ada@example.org."))
        }
    }
}

impl FromStr for EmailAddress {
    type Err = ValidationError;
    fn from_str(text: &str) -> Result<Self, ValidationError> {
        let email = Self::for_lookup(&nfc(text.trim()))?;
        let text = email.as_str();
        if text.is_ascii() {
            return Ok(email);
        }
        if text.chars().any(is_default_ignorable) || !text.split('@').all(|part| part.chars().any(is_visible)) {
            return Err(ValidationError::new("Remove invisible characters from the email address."));
        }
        if is_confusable(text) {
            return Err(ValidationError::new(
                "This email address has characters that look like others. Use letters of one alphabet.",
            ));
        }
        Ok(email)
    }
}

/// Returns whether an address can be mistaken for another: it has compatibility characters (RFC 8264, section 9.17), mixes
/// scripts inside the local part or a label of the domain (Unicode Technical Standard #39, section 5.1), or has such a part
/// of another script than the rest that looks like ASCII letters (section 4).
fn is_confusable(address: &str) -> bool {
    let parts = || address.split(['@', '.']);
    let looks_like_ascii = |part: &str| !part.is_ascii() && skeleton(part).all(|c| c.is_ascii());
    !is_nfkc(address)
        || !parts().all(MixedScript::is_single_script)
        || (!address.is_single_script() && parts().any(looks_like_ascii))
}

/// A user with an email address and a password.
#[derive(Debug, Clone)]
pub struct User {
    pub key: UserId,
    pub uuid: PublicId,
    /// The email address, which identifies the user at login.
    pub email: EmailAddress,
    pub name: DisplayName,
    /// A deactivated user can't sign in, and the API rejects their tokens.
    pub is_active: bool,
    /// The time at which the email address was verified.
    pub email_verified_at: Option<Timestamp>,
    /// Whether pages show times in the browser's time zone, instead of the workspace's.
    pub prefers_browser_zone: bool,
}

impl User {
    /// Returns the email address if it was verified. A protected API must not get any other: users can make one up.
    #[must_use]
    pub fn verified_email(&self) -> Option<&EmailAddress> {
        self.email_verified_at.map(|_| &self.email)
    }

    /// Returns this user as the actor of a change.
    #[must_use]
    pub fn actor(&self, client: ClientInfo, at: Timestamp) -> Actor {
        Actor::user(self.uuid, self.email.as_str(), client, at)
    }
}

/// The generation of a user's credentials. It grows when everything that was made with the old credentials has to end: at a
/// new password, a deactivation, and when the user signs out all other browsers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, derive_more::Display)]
pub struct CredentialsGeneration(pub(crate) i64);

impl CredentialsGeneration {
    /// The generation of a new user.
    pub const FIRST: Self = Self(0);
}

impl FromStr for CredentialsGeneration {
    type Err = ParseIntError;
    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        text.parse().map(Self)
    }
}

/// A user to insert. It contains all random values, so that the transaction can be retried.
#[derive(Debug, Clone)]
pub struct NewUser {
    pub uuid: PublicId,
    pub email: EmailAddress,
    pub name: DisplayName,
    pub password: PasswordHash,
    /// The creation time.
    pub at: Timestamp,
    /// Whether the email address is verified.
    pub is_email_verified: bool,
}

impl NewUser {
    /// Creates a user with a new identifier and an email address that is not verified.
    #[must_use]
    pub fn new(
        email: EmailAddress,
        name: DisplayName,
        password: PasswordHash,
        at: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Self {
        Self { uuid: PublicId::new(at, rng), email, name, password, at, is_email_verified: false }
    }

    /// Marks the email address as verified.
    #[must_use]
    pub fn with_verified_email(self) -> Self {
        Self { is_email_verified: true, ..self }
    }

    /// Returns the time at which the email address was verified.
    pub(crate) fn email_verified_at(&self) -> Option<Timestamp> {
        self.is_email_verified.then_some(self.at)
    }
}

/// The hash of a password, as a PHC string. `Debug` does not print it.
#[derive(Debug, Clone)]
pub struct PasswordHash(SecretString);

impl PasswordHash {
    pub(crate) fn new(phc_string: String) -> Self {
        Self(phc_string.into())
    }

    pub(crate) fn reveal(&self) -> &str {
        self.0.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_address_has_two_parts_and_no_invisible_characters() {
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
        assert_eq!("Ada@Example.org".parse::<EmailAddress>().unwrap().case_folded(), "ada@example.org");
    }

    #[test]
    fn an_address_with_an_invisible_character_is_rejected() {
        for invisible in ['\u{AD}', '\u{200B}', '\u{200D}', '\u{2060}', '\u{3164}', '\u{FE0F}', '\u{E0041}'] {
            for bad in [format!("ada{invisible}@example.org"), format!("ada@exam{invisible}ple.org")] {
                assert!(bad.parse::<EmailAddress>().is_err(), "{bad:?}");
                assert!(EmailAddress::for_lookup(&bad).is_ok(), "{bad:?}");
            }
        }
    }

    #[test]
    fn an_address_that_looks_like_another_is_rejected() {
        for good in [
            "josé@example.org",
            "почта@пример.рф",
            "почта@example.org",
            "ελένη@example.gr",
            "田中さくら@example.jp",
            "ada@пример.рф",
            "አዳ@example.et",
        ] {
            assert!(good.parse::<EmailAddress>().is_ok(), "{good}");
        }
        for bad in [
            "\u{430}da@example.org",
            "ad\u{430}@example.org",
            "ada@ex\u{430}mple.org",
            "\u{430}\u{440}\u{440}\u{4CF}\u{435}@example.org",
            "ada@\u{430}\u{440}\u{440}\u{4CF}\u{435}.com",
            "\u{3BF}@example.org",
            "\u{FF41}da@example.org",
            "\u{1D41A}da@example.org",
            "\u{FB01}n@example.org",
        ] {
            assert!(bad.parse::<EmailAddress>().is_err(), "{bad}");
        }
    }

    #[test]
    fn composed_and_decomposed_spellings_are_the_same_address() {
        let [composed, decomposed] =
            ["Jos\u{E9}@example.org", "Jose\u{301}@example.org"].map(|text| text.parse::<EmailAddress>().unwrap());
        assert_eq!(composed, decomposed);
        let typed = EmailAddress::for_lookup("Jose\u{301}@example.org").unwrap();
        assert_eq!(typed.case_folded(), composed.case_folded());
        assert_eq!(
            typed.lookup_keys(),
            ["jose\u{301}@example.org", "jos\u{E9}@example.org", "jose\u{301}@example.org"]
        );
    }

    proptest! {
        #[test]
        fn a_parsed_address_is_normalized_and_visible(
            text in prop_oneof!["[a-zA-Z@. +üe\u{301}\u{430}\u{202E}\u{200B}\r\n,-]{0,20}", "\\PC{1,9}@\\PC{1,9}", any::<String>()],
        ) {
            let Ok(email) = text.parse::<EmailAddress>() else { return Ok(()) };
            prop_assert_eq!(email.as_str(), nfc(text.trim()));
            prop_assert_eq!(email.as_str().parse::<EmailAddress>().unwrap(), email.clone());
            prop_assert_eq!(EmailAddress::for_lookup(email.as_str()).unwrap(), email.clone());
            prop_assert!(email.lookup_keys().contains(&EmailAddress::for_lookup(&text).unwrap().case_folded()));
            prop_assert_eq!(email.as_str().matches('@').count(), 1);
            prop_assert!(!email.as_str().contains(char::is_whitespace) && !email.as_str().contains(char::is_control));
            prop_assert!(!email.as_str().chars().any(is_default_ignorable));
        }
    }
}
