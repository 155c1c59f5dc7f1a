//! The secret value of a token: format, checksum and digest.
//!
//! `rpat`, 36 random base62 characters (214 bits), and 6 base62 characters of the CRC-32 (ISO-HDLC, as in zlib) of
//! these 40, most significant digit first: 46 letters and digits, matched by `\brpat[0-9A-Za-z]{42}\b`. The database
//! stores the SHA-256 of the value. A fast hash is sufficient, because the value has 214 bits of entropy.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::base::random::{self, CryptoRng};

/// Prefix of every value.
pub const PREFIX: &str = "rpat";

const RANDOM_LEN: usize = 36;

const CHECKSUMMED_LEN: usize = PREFIX.len() + RANDOM_LEN;

/// Length of a value in characters.
pub const LENGTH: usize = CHECKSUMMED_LEN + CHECKSUM_LEN;

const CHECKSUM_LEN: usize = 6;

/// Number of characters at the end of a value that lists show.
const HINT_LEN: usize = 4;

/// A new secret value. Zeroed on drop; `Debug` does not print it.
#[derive(Debug)]
pub struct TokenValue(SecretString);

impl TokenValue {
    /// Generates a value.
    #[must_use]
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut value = Zeroizing::new(String::with_capacity(LENGTH));
        value.push_str(PREFIX);
        value.push_str(&Zeroizing::new(random::alphanumeric(rng, RANDOM_LEN)));
        let checksum = checksum(value.as_bytes());
        value.extend(checksum.map(char::from));
        Self(value.as_str().into())
    }

    /// The secret itself, for the one page or the one line of output that shows it. It must not be logged.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }

    /// The digest that the database stores.
    #[must_use]
    pub fn digest(&self) -> ValueDigest {
        ValueDigest(Sha256::digest(self.reveal()).into())
    }

    /// The last characters, which identify the value in lists.
    #[must_use]
    pub fn hint(&self) -> &str {
        &self.reveal()[LENGTH - HINT_LEN..]
    }
}

/// The SHA-256 of a well-formed value. `Debug` does not print it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ValueDigest([u8; 32]);

impl ValueDigest {
    /// The digest of `text`, if it has the prefix, length, characters and checksum of a value. Malformed text
    /// therefore causes no query.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let well_formed = bytes.len() == LENGTH
            && bytes.starts_with(PREFIX.as_bytes())
            && bytes.iter().all(u8::is_ascii_alphanumeric)
            && bytes[CHECKSUMMED_LEN..] == checksum(&bytes[..CHECKSUMMED_LEN]);
        well_formed.then(|| Self(Sha256::digest(bytes).into()))
    }

    /// A digest as the database stores it.
    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for ValueDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ValueDigest(…)")
    }
}

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

fn checksum(checked: &[u8]) -> [u8; CHECKSUM_LEN] {
    let mut rest = crc32fast::hash(checked);
    let mut digits = [b'0'; CHECKSUM_LEN];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(rest % 62) as usize];
        rest /= 62;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_value_has_the_format_that_secret_scanners_match() {
        let value = TokenValue::generate(&mut random::os_rng());
        let text = value.reveal();
        assert_eq!(text.len(), 46);
        assert!(text.starts_with("rpat") && text.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_eq!(value.hint(), &text[42..]);
        assert_eq!(ValueDigest::parse(text), Some(value.digest()));
        assert!(!format!("{value:?}").contains(&text[4..]));
        assert_eq!(format!("{:?}", value.digest()), "ValueDigest(…)");
    }

    #[test]
    fn the_checksum_is_crc_32_in_base62() {
        // Computed independently: Python's zlib.crc32 of the first 40 characters, in base 62, digits before capitals.
        let known = "rpat000000000000000000000000000000000000";
        assert_eq!(crc32fast::hash(known.as_bytes()), KNOWN_CRC);
        assert!(ValueDigest::parse(&format!("{known}{KNOWN_SUM}")).is_some());
    }
    const KNOWN_CRC: u32 = 114_478_481;
    const KNOWN_SUM: &str = "07kL57";

    #[test]
    fn a_value_with_one_wrong_character_does_not_parse() {
        let value = TokenValue::generate(&mut random::os_rng());
        for at in 0..LENGTH {
            let mut bytes = value.reveal().as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
            assert_eq!(ValueDigest::parse(std::str::from_utf8(&bytes).unwrap()), None, "at {at}");
        }
        for bad in ["", "rpat", &value.reveal()[..45], &format!("{}0", value.reveal()), &"é".repeat(23)] {
            assert_eq!(ValueDigest::parse(bad), None);
        }
    }

    /// Independent implementation of the format: decodes the checksum instead of encoding it.
    fn is_value(text: &str) -> bool {
        let Some(random) = text.strip_prefix("rpat") else { return false };
        if random.len() != 42 || !random.chars().all(|c| c.is_ascii_digit() || c.is_ascii_alphabetic()) {
            return false;
        }
        let digit = |c: u8| match c {
            b'0'..=b'9' => c - b'0',
            b'A'..=b'Z' => c - b'A' + 10,
            _ => c - b'a' + 36,
        };
        let sum = random.bytes().skip(36).fold(0u64, |sum, c| sum * 62 + u64::from(digit(c)));
        sum == u64::from(crc32fast::hash(&text.as_bytes()[..40]))
    }

    fn with_checksum(text: &str) -> String {
        format!("{text}{}", String::from_utf8_lossy(&checksum(text.as_bytes())))
    }

    fn almost_a_value() -> impl Strategy<Value = String> {
        let good = || "rpat[0-9A-Za-z]{36}".prop_map(|text| with_checksum(&text));
        let one_off = (good(), 0..LENGTH, any::<char>()).prop_map(|(good, at, c)| {
            good.chars().enumerate().map(|(nth, kept)| if nth == at { c } else { kept }).collect::<String>()
        });
        let other = "[a-z]{4}[0-9A-Za-z]{36}".prop_map(|text| with_checksum(&text));
        prop_oneof![good(), one_off, other, "rpat[0-9A-Za-z]{42}", "rpat\\PC{0,60}", any::<String>()]
    }

    proptest! {
        #[test]
        fn only_text_of_the_format_parses_as_a_value(text in almost_a_value()) {
            let digest = ValueDigest::parse(&text);
            prop_assert_eq!(digest.is_some(), is_value(&text));
            prop_assert!(digest.is_none_or(|digest| digest.as_bytes()[..] == Sha256::digest(&text)[..]));
        }
    }
}
