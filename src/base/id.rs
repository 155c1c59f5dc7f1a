//! Public identifiers: version 7 UUIDs (RFC 9562, section 5.7), ordered by time, in hyphenated lower-case form.

use std::fmt;
use std::str::FromStr;

use arrayvec::ArrayString;
use uuid::fmt::Hyphenated;

use crate::base::clock::Timestamp;
use crate::base::random::{self, CryptoRng};

/// A public identifier. It stores the text form, which pages, responses and the database use.
#[derive(Clone, Copy, PartialEq, Eq, Hash, derive_more::Display)]
pub struct PublicId(ArrayString<{ Hyphenated::LENGTH }>);

impl PublicId {
    /// Creates a new identifier with the timestamp `now`.
    #[must_use]
    pub fn new(now: Timestamp, rng: &mut impl CryptoRng) -> Self {
        uuid::Builder::from_unix_timestamp_millis(now.millis(), &random::bytes(rng)).into_uuid().into()
    }

    /// Returns the text form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<uuid::Uuid> for PublicId {
    fn from(uuid: uuid::Uuid) -> Self {
        let mut text = ArrayString::new();
        text.push_str(uuid.hyphenated().encode_lower(&mut [0; Hyphenated::LENGTH]));
        Self(text)
    }
}

impl serde::Serialize for PublicId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The text is not a hyphenated UUID.
#[derive(Debug, thiserror::Error)]
#[error("not a UUID")]
pub struct InvalidId;

impl FromStr for PublicId {
    type Err = InvalidId;
    /// Accepts only the hyphenated form, in upper or lower case.
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if text.len() != Hyphenated::LENGTH {
            return Err(InvalidId);
        }
        uuid::Uuid::try_parse(text).map(Self::from).map_err(|_| InvalidId)
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

    #[test]
    fn a_uuid_is_stored_in_hyphenated_lower_case_form() {
        let id = PublicId::from(uuid::Uuid::from_u128(0x0199_C2B4_0000_7000_8000_0000_0000_ABCD));
        assert_eq!((id.as_str(), id.to_string()), ("0199c2b4-0000-7000-8000-00000000abcd", id.as_str().to_owned()));
    }

    proptest! {
        #[test]
        fn only_the_hyphenated_form_is_parsed(
            text in prop_oneof![
                "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
                "[{]?[0-9a-g-]{32,38}[}]?",
                "urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
                any::<String>(),
            ],
        ) {
            let is_hyphenated_uuid = text.split('-').map(str::len).eq([8, 4, 4, 4, 12])
                && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
            let id = text.parse::<PublicId>().ok();
            prop_assert_eq!(id.is_some(), is_hyphenated_uuid);
            prop_assert!(id.is_none_or(|id| id.as_str() == text.to_ascii_lowercase()));
        }
    }
}
