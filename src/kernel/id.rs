//! Public identifiers: UUIDs of version 7 (RFC 9562, section 5.7), in time order, written in lower case with hyphens.

use std::fmt;
use std::str::FromStr;

use super::clock::Timestamp;
use super::rng::{self, CryptoRng};

/// A public identifier. Holds its text, since that is what pages, answers and the database want.
#[derive(Clone, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Id(Box<str>);

impl Id {
    /// A new identifier made at `now`.
    #[must_use]
    pub fn new(now: Timestamp, rng: &mut impl CryptoRng) -> Self {
        let uuid = uuid::Builder::from_unix_timestamp_millis(now.millis(), &rng::bytes(rng));
        Self(uuid.into_uuid().to_string().into())
    }

    /// The identifier's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is no UUID.
#[derive(Debug, thiserror::Error)]
#[error("not a UUID")]
pub struct NotAnId;

impl FromStr for Id {
    type Err = NotAnId;
    /// Takes the hyphenated form only, in any case.
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        if text.len() != 36 {
            return Err(NotAnId);
        }
        let uuid = uuid::Uuid::try_parse(text).map_err(|_| NotAnId)?;
        Ok(Self(uuid.to_string().into()))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
