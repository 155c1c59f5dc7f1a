//! A moment as a page shows it; `templates/macros/times.html` writes it down.

use crate::base::clock::Timestamp;

/// A moment as a page shows it: for machines, for people.
pub struct Moment {
    /// RFC 3339.
    pub exact: String,
    /// As people write it.
    pub shown: String,
}

impl Moment {
    /// To the minute.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        Self { exact: at.to_string(), shown: at.for_people() }
    }

    /// The day alone.
    #[must_use]
    pub fn day(at: Timestamp) -> Self {
        Self { exact: at.to_string(), shown: at.day_for_people() }
    }
}
