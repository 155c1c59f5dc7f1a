//! A moment as a page shows it; `templates/macros/times.html` writes it down.

use crate::base::clock::Timestamp;

/// A moment as a page shows it: for machines, for people.
pub struct TimeView {
    /// RFC 3339.
    pub exact: String,
    /// As people write it.
    pub shown: String,
}

impl TimeView {
    /// To the minute.
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        Self { exact: at.to_string(), shown: at.display() }
    }

    /// The day alone.
    #[must_use]
    pub fn day(at: Timestamp) -> Self {
        Self { exact: at.to_string(), shown: at.display_date() }
    }
}
