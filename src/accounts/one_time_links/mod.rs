//! Links that work once: set-up, invitation, password reset. A link is a code in a URL; the database holds the code's
//! SHA-256 and the link's purpose. The effects of using a link belong to the features.

pub(crate) mod store;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use strum::IntoStaticStr;

use crate::accounts::model::EmailAddress;
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::base::random::{self, CryptoRng};
use crate::base::text::DisplayName;

/// The purpose of a link. A code is valid for its purpose only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Purpose {
    /// Creates the first administrator.
    Setup,
    /// Adds a member to a workspace.
    Invitation,
    /// Sets a new password.
    Reset,
}

impl Purpose {
    /// Returns the word in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.into_str()
    }

    /// Returns the time from creation to expiry.
    #[must_use]
    pub const fn lifetime(self) -> Duration {
        match self {
            Self::Setup | Self::Reset => Duration::from_hours(24),
            Self::Invitation => Duration::from_hours(7 * 24),
        }
    }
}

/// The code of a link: 32 letters and digits (190 bits). Zeroed on drop; `Debug` does not print it.
#[derive(Debug)]
pub struct OneTimeCode(SecretString);

const CODE_LEN: usize = 32;

impl OneTimeCode {
    /// Generates a random code.
    #[must_use]
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(random::alphanumeric(rng, CODE_LEN).into())
    }

    /// Returns the text of the code, for the URL.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }

    /// Returns the digest, which the database stores.
    #[must_use]
    pub fn digest(&self) -> CodeDigest {
        CodeDigest(Sha256::digest(self.reveal()).into())
    }
}

/// The text is not a well-formed code.
#[derive(Debug)]
pub struct InvalidCode;

impl FromStr for OneTimeCode {
    type Err = InvalidCode;
    fn from_str(text: &str) -> Result<Self, InvalidCode> {
        if text.len() == CODE_LEN && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidCode)
        }
    }
}

/// The SHA-256 of a code. A fast hash is sufficient, because the code has 190 random bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CodeDigest([u8; 32]);

impl fmt::Debug for CodeDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeDigest(…)")
    }
}

/// A link to insert. It contains all random values, so that the transaction can be retried.
#[derive(Debug, Clone)]
pub struct NewLink {
    /// The public identifier.
    pub uuid: PublicId,
    /// The digest of the code.
    pub digest: CodeDigest,
    /// The purpose.
    pub purpose: Purpose,
    /// The values that depend on the purpose.
    pub details: LinkDetails,
    /// The creation time.
    pub at: Timestamp,
}

/// Values of a link that depend on its purpose; `None` where the purpose has none.
#[derive(Debug, Clone, Default)]
pub struct LinkDetails {
    /// The workspace of an invitation.
    pub workspace: Option<PublicId>,
    /// The role of an invitation, as the feature writes it.
    pub role: Option<&'static str>,
    /// The creator's note, which the list shows.
    pub note: Option<DisplayName>,
    /// The only address that can accept an invitation.
    pub email: Option<EmailAddress>,
    /// The user of a password reset.
    pub user: Option<PublicId>,
    /// The user who created the link; `None` for the command line.
    pub created_by: Option<PublicId>,
    /// The idempotency key of the form that created the link.
    pub form_key: Option<String>,
}

impl NewLink {
    /// Creates a link for `code`.
    #[must_use]
    pub fn new(
        code: &OneTimeCode,
        purpose: Purpose,
        details: LinkDetails,
        at: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Self {
        Self { uuid: PublicId::new(at, rng), digest: code.digest(), purpose, details, at }
    }

    /// Returns the end of the link's validity.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.at + self.purpose.lifetime()
    }
}

/// A valid link: unused and not expired.
#[derive(Debug, Clone)]
pub struct Link {
    /// The public identifier.
    pub uuid: PublicId,
    /// The workspace of an invitation.
    pub workspace: Option<PublicId>,
    /// The role of an invitation.
    pub role: Option<String>,
    /// The creator's note.
    pub note: Option<DisplayName>,
    /// The only address that can accept an invitation.
    pub email: Option<EmailAddress>,
    /// The user of a password reset.
    pub user: Option<PublicId>,
    /// The user who created the link.
    pub created_by: Option<PublicId>,
    /// The creation time.
    pub created_at: Timestamp,
    /// The end of validity.
    pub expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_malformed_code_is_rejected_and_debug_output_hides_a_code() {
        let code = OneTimeCode::generate(&mut random::os_rng());
        let again: OneTimeCode = code.reveal().parse().unwrap();
        assert!(again.digest() == code.digest());
        assert!(!format!("{code:?}").contains(code.reveal()));
        assert_eq!(format!("{:?}", code.digest()), "CodeDigest(…)");
        for bad in ["", "x", &"x".repeat(31), &"x".repeat(33), &"-".repeat(32), &"é".repeat(16)] {
            assert!(bad.parse::<OneTimeCode>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn exactly_32_letters_and_digits_are_a_code(
            text in prop_oneof!["[0-9A-Za-z]{32}", "[0-9A-Za-z]{31,33}", "\\PC{31,33}", any::<String>()],
        ) {
            let is_code = text.chars().count() == 32 && text.chars().all(|c| c.is_ascii_alphabetic() || c.is_ascii_digit());
            let code = text.parse::<OneTimeCode>().ok();
            prop_assert_eq!(code.is_some(), is_code);
            prop_assert!(code.as_ref().is_none_or(|code| code.reveal() == text));
            let shown = format!("{code:?}");
            prop_assert!(code.is_none() || !shown.contains(&text));
        }
    }
}
