//! Public identifiers: UUIDs of version 7 (RFC 9562, section 5.7), in time order, written in lower case with hyphens.

use std::fmt;
use std::str::FromStr;

use uuid::fmt::Hyphenated;

use crate::base::clock::Timestamp;
use crate::base::random::{self, CryptoRng};

/// A public identifier. Holds its text, since that is what pages, answers and the database want.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicId([u8; Hyphenated::LENGTH]);

impl PublicId {
    /// A new identifier made at `now`.
    #[must_use]
    pub fn new(now: Timestamp, rng: &mut impl CryptoRng) -> Self {
        uuid::Builder::from_unix_timestamp_millis(now.millis(), &random::bytes(rng)).into_uuid().into()
    }

    /// The identifier's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Hexadecimal digits and hyphens; there is no other way to make one.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl From<uuid::Uuid> for PublicId {
    fn from(uuid: uuid::Uuid) -> Self {
        let mut text = [0; Hyphenated::LENGTH];
        uuid.hyphenated().encode_lower(&mut text);
        Self(text)
    }
}

impl serde::Serialize for PublicId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The text is no UUID.
#[derive(Debug, thiserror::Error)]
#[error("not a UUID")]
pub struct InvalidId;

impl FromStr for PublicId {
    type Err = InvalidId;
    /// Takes the hyphenated form only, in any case.
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if text.len() != Hyphenated::LENGTH {
            return Err(InvalidId);
        }
        uuid::Uuid::try_parse(text).map(Self::from).map_err(|_| InvalidId)
    }
}

impl fmt::Display for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_identifier_is_read_in_one_form(
            text in prop_oneof![
                "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
                "[{]?[0-9a-g-]{32,38}[}]?",
                "urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
                any::<String>(),
            ],
        ) {
            let is_one = text.split('-').map(str::len).eq([8, 4, 4, 4, 12])
                && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
            let id = text.parse::<PublicId>().ok();
            prop_assert_eq!(id.is_some(), is_one);
            prop_assert!(id.is_none_or(|id| id.as_str() == text.to_ascii_lowercase()));
        }
    }
}
