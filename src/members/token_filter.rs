//! Filters of the list of all tokens in a workspace.

use std::time::Duration;

use crate::base::clock::Timestamp;
use crate::tokens::model::Token;

/// The age from which a token value is old.
pub const OLD_AFTER: Duration = Duration::from_hours(90 * 24);

/// A property of a token that an administrator can filter by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFilter {
    /// No value of the token was ever used.
    NeverUsed,
    /// The current value is older than 90 days. A rotation creates a new value, so the age of the token does not count.
    Old,
    /// The current value has no expiry.
    NoExpiry,
}

impl TokenFilter {
    /// All filters, in the order of the page.
    pub const ALL: [Self; 3] = [Self::NeverUsed, Self::Old, Self::NoExpiry];

    /// Returns the keyword in URLs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NeverUsed => "never-used",
            Self::Old => "old",
            Self::NoExpiry => "no-expiry",
        }
    }

    /// Returns the label on the page.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::NeverUsed => "Never used",
            Self::Old => "Older than 90 days",
            Self::NoExpiry => "No expiry",
        }
    }

    /// Finds the filter with this keyword.
    #[must_use]
    pub fn from_query(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|filter| filter.as_str() == text)
    }

    /// Returns whether the token matches the filter.
    #[must_use]
    pub fn matches(self, token: &Token, now: Timestamp) -> bool {
        match self {
            Self::NeverUsed => token.values().all(|value| value.last_use.is_none()),
            Self::Old => now.since(token.current.created_at) > OLD_AFTER,
            Self::NoExpiry => token.current.ends_at.is_none(),
        }
    }
}
