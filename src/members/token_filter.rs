//! What an administrator looks for among everybody's tokens.

use std::time::Duration;

use crate::base::clock::Timestamp;
use crate::tokens::model::Token;

/// From what age on a value is old.
pub const OLD_AFTER: Duration = Duration::from_hours(90 * 24);

/// Something about a token that an administrator may want to do something about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFilter {
    /// None of its values was ever used.
    NeverUsed,
    /// Its value is older than 90 days. A rotation makes a new one, so it is the value's age that counts.
    Old,
    /// It never stops by itself.
    NoExpiry,
}

impl TokenFilter {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::NeverUsed, Self::Old, Self::NoExpiry];

    /// The word in URLs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NeverUsed => "never-used",
            Self::Old => "old",
            Self::NoExpiry => "no-expiry",
        }
    }

    /// The words on the page.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::NeverUsed => "Never used",
            Self::Old => "Older than 90 days",
            Self::NoExpiry => "No expiry",
        }
    }

    /// The concern with this word.
    #[must_use]
    pub fn from_query(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|concern| concern.as_str() == text)
    }

    /// Is the token one of those?
    #[must_use]
    pub fn matches(self, token: &Token, now: Timestamp) -> bool {
        match self {
            Self::NeverUsed => token.values().all(|value| value.last_use.is_none()),
            Self::Old => now.since(token.current.created_at) > OLD_AFTER,
            Self::NoExpiry => token.current.ends_at.is_none(),
        }
    }
}
