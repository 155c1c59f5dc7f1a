//! Links that work once: set-up, invitation, password reset. A link is a code in a URL; the database holds its SHA-256
//! and what it is good for. Knows nothing of what happens when one is used.

pub mod store;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::base::random::{self, CryptoRng};
use crate::base::text::DisplayName;

/// What a link is good for. A code of one purpose is none of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Making the first administrator.
    Setup,
    /// Becoming a member of a workspace.
    Invitation,
    /// Setting a new password.
    Reset,
}

impl Purpose {
    /// The word in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Invitation => "invitation",
            Self::Reset => "reset",
        }
    }

    /// How long such a link works.
    #[must_use]
    pub const fn lifetime(self) -> Duration {
        match self {
            Self::Setup | Self::Reset => Duration::from_hours(24),
            Self::Invitation => Duration::from_hours(7 * 24),
        }
    }
}

/// The code of a link: 32 base62 characters, 190 bits. Wiped when dropped, never printed.
pub struct OneTimeCode(Zeroizing<String>);

const CODE_LEN: usize = 32;

impl OneTimeCode {
    /// A new code.
    #[must_use]
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(Zeroizing::new(random::base62(rng, CODE_LEN)))
    }

    /// The code's text: for the one who is to use it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What the database holds of it.
    #[must_use]
    pub fn digest(&self) -> CodeDigest {
        CodeDigest(Sha256::digest(self.0.as_bytes()).into())
    }
}

impl fmt::Debug for OneTimeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(…)")
    }
}

/// The text has not the form of a code.
#[derive(Debug)]
pub struct InvalidCode;

impl FromStr for OneTimeCode {
    type Err = InvalidCode;
    fn from_str(text: &str) -> Result<Self, InvalidCode> {
        if text.len() == CODE_LEN && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            Ok(Self(Zeroizing::new(text.to_owned())))
        } else {
            Err(InvalidCode)
        }
    }
}

/// The SHA-256 of a code, which has enough bits for a fast hash.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CodeDigest([u8; 32]);

impl fmt::Debug for CodeDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeDigest(…)")
    }
}

/// A link about to be made. Holds everything that is random, so that a transaction may be run again.
#[derive(Debug, Clone)]
pub struct NewLink {
    /// The public identifier.
    pub uuid: PublicId,
    /// What the database holds of the code.
    pub digest: CodeDigest,
    /// What for.
    pub purpose: Purpose,
    /// What else there is to know about it.
    pub about: LinkDetails,
    /// When.
    pub at: Timestamp,
}

/// What a link says beside its purpose, each part where the purpose has one.
#[derive(Debug, Clone, Default)]
pub struct LinkDetails {
    /// The workspace it leads into.
    pub workspace: Option<PublicId>,
    /// The role it gives there, in a word of whoever makes such links.
    pub role: Option<&'static str>,
    /// What its maker tells it apart by.
    pub note: Option<DisplayName>,
    /// The user it is for.
    pub user: Option<PublicId>,
    /// Who made it, if a person did.
    pub created_by: Option<PublicId>,
    /// The single-use key of the form that made it.
    pub form_key: Option<String>,
}

impl NewLink {
    /// A link that `code` will open.
    #[must_use]
    pub fn new(
        code: &OneTimeCode,
        purpose: Purpose,
        about: LinkDetails,
        at: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Self {
        Self { uuid: PublicId::new(at, rng), digest: code.digest(), purpose, about, at }
    }

    /// When it stops working.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.at + self.purpose.lifetime()
    }
}

/// A link that works: unused and not expired.
#[derive(Debug, Clone)]
pub struct Link {
    /// The public identifier.
    pub uuid: PublicId,
    /// The workspace it leads into.
    pub workspace: Option<PublicId>,
    /// The role it gives there.
    pub role: Option<String>,
    /// What its maker tells it apart by.
    pub note: Option<DisplayName>,
    /// The user it is for.
    pub user: Option<PublicId>,
    /// Who made it.
    pub created_by: Option<PublicId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_code_has_one_form_and_prints_nothing() {
        let code = OneTimeCode::generate(&mut random::os_rng());
        let again: OneTimeCode = code.reveal().parse().unwrap();
        assert!(again.digest() == code.digest());
        assert_eq!(format!("{code:?} {:?}", code.digest()), "Code(…) CodeDigest(…)");
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
