//! The rules for a new password.

use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use crate::accounts::model::EmailAddress;
use crate::base::text::{ValidationError, case_fold, nfc};
use crate::web::form::{Field, Form};

/// Minimum and maximum length of a password, in characters.
pub const LENGTH: std::ops::RangeInclusive<usize> = 12..=128;

/// One lower-case password per line.
const COMMON_PASSWORDS: &str = include_str!("common_passwords.txt");

/// The name of the product, which a password must not contain.
const PRODUCT: &str = "Latchkey";

/// Minimum length of a name that a password must not contain, in letters and digits. Shorter names are parts of ordinary
/// words.
const MIN_NAME_LENGTH: usize = 4;

/// A password that satisfies the rules, in Unicode normalization form C. Zeroed on drop; `Debug` does not print it.
#[derive(Debug)]
pub struct NewPassword(SecretString);

impl NewPassword {
    /// Accepts 12 to 128 characters, except common passwords, the owner's email address, and passwords that contain the
    /// product's name or one of `names`: those of the owner and their workspaces. There are no composition rules (NIST SP
    /// 800-63B-4, section 3.1.1.2). The length is that of the normalized password.
    pub fn parse(text: &str, owner: Option<&EmailAddress>, names: &[&str]) -> Result<Self, ValidationError> {
        let normalized = Zeroizing::new(nfc(text));
        let text = normalized.as_str();
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
        if text.contains('\0') {
            return Err(ValidationError::new("Remove the NUL character."));
        }
        let folded = Zeroizing::new(case_fold(text));
        if owner
            .is_some_and(|owner| folded.contains(&owner.case_folded()) || owner.case_folded().contains(folded.as_str()))
        {
            return Err(ValidationError::new("Choose a password that is not your email address."));
        }
        let letters = Zeroizing::new(letters_and_digits(text));
        if let Some(name) = names.iter().chain(&[PRODUCT]).find(|name| {
            let name = letters_and_digits(name);
            name.chars().count() >= MIN_NAME_LENGTH && letters.contains(&name)
        }) {
            return Err(ValidationError::new(format!("Choose a password that doesn’t contain “{name}”.")));
        }
        if is_common(&folded) {
            return Err(ValidationError::new("This password is too common. Choose another."));
        }
        Ok(Self(text.into()))
    }

    /// Returns the password, to hash it.
    pub(crate) fn reveal(&self) -> &str {
        self.0.expose_secret()
    }

    /// Parses the field `field` of a form. The returned field never contains the input, only the error.
    #[must_use]
    pub fn read(form: &Form, field: &str, owner: Option<&EmailAddress>, names: &[&str]) -> (Field, Option<Self>) {
        match Self::parse(form.text(field), owner, names) {
            Ok(password) => (Field::default(), Some(password)),
            Err(error) => (Field::default().with_error(error.0), None),
        }
    }
}

/// Returns the case-folded letters and digits of `text`, so that "acme-production" contains the name "Acme Production".
fn letters_and_digits(text: &str) -> String {
    case_fold(text).chars().filter(|c| c.is_alphanumeric()).collect()
}

/// Returns whether a case-folded password is on the list, repeats up to six characters, or is a sequence of the alphabet,
/// the digits or a keyboard.
fn is_common(folded: &str) -> bool {
    const SEQUENCES: &str = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz 01234567890123456789 98765432109876543210 qwertyuiopasdfghjklzxcvbnm qwertzuiopasdfghjklyxcvbnm azertyuiopqsdfghjklmwxcvbn 1234567890qwertyuiop qwertyuiop1234567890 zyxwvutsrqponmlkjihgfedcba";
    let chars: Vec<char> = folded.chars().collect();
    let repeats = |len: usize| chars.iter().zip(&chars[len..]).all(|(a, b)| a == b);
    COMMON_PASSWORDS.lines().any(|line| line == folded) || (1..=6).any(repeats) || SEQUENCES.contains(folded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_long_common_or_personal_password_is_rejected() {
        let ada = "ada@example.org".parse().unwrap();
        let parse = |text: &str| NewPassword::parse(text, Some(&ada), &[]);
        assert!(parse("correct horse battery staple").is_ok());
        assert!(parse("пароль для входа").is_ok());
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
            "correct\0horse battery",
            "my latchkey password",
            "L.A.T.C.H.K.E.Y 2026",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_password_that_contains_the_name_of_a_workspace_is_rejected() {
        let names = ["Ada", "Acme Production", "Café Gö"];
        let parse = |text: &str| NewPassword::parse(text, None, &names).map(|_| ()).map_err(|error| error.0);
        let error = |name: &str| Err(format!("Choose a password that doesn’t contain “{name}”."));
        for (bad, name) in [
            ("for acme-production", "Acme Production"),
            ("ACMEPRODUCTION2026", "Acme Production"),
            ("at the cafe\u{301} go\u{308} again", "Café Gö"),
            ("the latchkey words", "Latchkey"),
        ] {
            assert_eq!(parse(bad), error(name), "{bad}");
        }
        for good in ["a nomad adapts well", "acme is in production", "correct horse battery staple"] {
            assert_eq!(parse(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn a_password_is_normalized_before_its_length_is_checked() {
        let parse = |text: &str| NewPassword::parse(text, None, &[]);
        let composed = parse("caf\u{E9} au lait sucr\u{E9}").unwrap();
        assert_eq!(parse("cafe\u{301} au lait sucre\u{301}").unwrap().reveal(), composed.reveal());
        assert!(parse(&"e\u{301}a\u{308}".repeat(5)).is_err(), "10 characters");
        assert!(parse(&format!("xy{}", "ae\u{301}o\u{308}".repeat(42))).is_ok(), "128 characters");
    }

    #[test]
    fn debug_output_hides_a_password() {
        let password = NewPassword::parse("correct horse battery staple", None, &[]).unwrap();
        assert!(!format!("{password:?}").contains("horse"));
    }
}
