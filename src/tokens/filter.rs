//! Filters of the tokens of a workspace. No queries.

use std::time::Duration;

use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::base::clock::Timestamp;
use crate::tokens::expiry::EXPIRING_SOON;
use crate::tokens::view::STALE;

/// The age from which a token value is old.
const OLD_AFTER: Duration = Duration::from_hours(90 * 24);

/// A property of a token that an administrator can filter by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub(crate) enum TokenFilter {
    /// The current value has not expired.
    Active,
    /// An old value is valid beside the current one.
    Rotating,
    /// The current value expires soon.
    Expiring,
    /// The current value has expired.
    Expired,
    /// No value of the token was ever used.
    NeverUsed,
    /// The current value is 30 days old or more, and no value was used in that time.
    Unused,
    /// The current value is older than 90 days. A rotation creates a new value, so the age of the token does not count.
    Old,
    /// The current value has no expiry.
    NoExpiry,
}

/// A number of a token that a filter compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenTime {
    /// The expiry of the current value.
    Ends,
    /// The end of the old value's grace period.
    RetiringUntil,
    /// The hour of the last use.
    UsedHour,
    /// The later of the last use and the creation of the current value.
    IdleSince,
    /// The creation of the current value.
    ValueCreated,
}

/// A condition of a filter.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TimeCondition {
    After(Timestamp),
    Until(Timestamp),
    Within(Timestamp, Timestamp),
    Never,
}

impl TokenFilter {
    /// Returns the keyword in URLs.
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        self.into_str()
    }

    /// Returns the label on the page.
    #[must_use]
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Rotating => "Rotating",
            Self::Expiring => "Expiring",
            Self::Expired => "Expired",
            Self::NeverUsed => "Never used",
            Self::Unused => "Unused for 30 days",
            Self::Old => "Older than 90 days",
            Self::NoExpiry => "No expiration",
        }
    }

    /// Returns the condition of the filter: every filter compares one number, which has an index.
    #[must_use]
    pub(crate) fn condition(self, now: Timestamp) -> (TokenTime, TimeCondition) {
        match self {
            Self::Active => (TokenTime::Ends, TimeCondition::After(now)),
            Self::Rotating => (TokenTime::RetiringUntil, TimeCondition::After(now)),
            Self::Expiring => (TokenTime::Ends, TimeCondition::Within(now, now + EXPIRING_SOON)),
            Self::Expired => (TokenTime::Ends, TimeCondition::Until(now)),
            Self::NeverUsed => (TokenTime::UsedHour, TimeCondition::Never),
            Self::Unused => (TokenTime::IdleSince, TimeCondition::Until(now - STALE)),
            Self::Old => (
                TokenTime::ValueCreated,
                TimeCondition::Until(Timestamp::from_micros((now - OLD_AFTER).micros().saturating_sub(1))),
            ),
            Self::NoExpiry => (TokenTime::Ends, TimeCondition::Never),
        }
    }
}
