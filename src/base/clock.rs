//! Timestamps and the clock. Time is an argument: code reads the system time only through a [`Clock`].

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use time::OffsetDateTime;

/// A moment in UTC, as whole microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The latest representable timestamp.
    pub const MAX: Self = Self(i64::MAX);

    /// Creates the timestamp `micros` microseconds after 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Returns the microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Returns the whole milliseconds since 1970-01-01T00:00:00Z; 0 for an earlier timestamp.
    #[must_use]
    pub fn millis(self) -> u64 {
        u64::try_from(self.0 / 1000).unwrap_or(0)
    }

    /// Returns the duration from `earlier` to `self`; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Formats date and time for display: `23 Nov 2026, 18:21 UTC`.
    #[must_use]
    pub fn display(self) -> String {
        let t = self.calendar();
        format!("{}, {:02}:{:02} UTC", self.display_date(), t.hour(), t.minute())
    }

    /// Formats the date for display: `23 Nov 2026`.
    #[must_use]
    pub fn display_date(self) -> String {
        let t = self.calendar();
        let month = t.month().to_string();
        format!("{} {} {}", t.day(), &month[..3], t.year())
    }

    /// Formats date and time for a file name: `2026-11-23T18-21-04Z`. The names sort by time.
    #[must_use]
    pub fn file_stamp(self) -> String {
        let text = self.to_string();
        text[..19].replace(':', "-") + "Z"
    }

    /// Returns the time in RFC 3339 in whole seconds, rounded down: `2026-11-23T18:21:04Z`.
    #[must_use]
    pub(crate) fn to_seconds(self) -> String {
        self.to_string()[..19].to_owned() + "Z"
    }

    fn calendar(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(rhs.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, rhs: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(rhs.as_micros()).unwrap_or(i64::MAX)))
    }
}

/// RFC 3339 in UTC with six decimals, as the HTTP API writes it: `2026-11-23T18:21:04.123456Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = self.calendar();
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
            t.year(),
            u8::from(t.month()),
            t.day(),
            t.hour(),
            t.minute(),
            t.second(),
            t.microsecond()
        )
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A row that is newer than now by more than this was written while a clock was ahead.
pub(crate) const MAX_CLOCK_SKEW: Duration = Duration::from_hours(24);

/// A source of the current time.
#[derive(Clone, Debug)]
pub enum Clock {
    System,
    /// A clock for tests that changes only when it is set.
    Manual(ManualClock),
}

impl Clock {
    /// Returns the current time, truncated to microseconds.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => {
                #[expect(clippy::disallowed_methods, reason = "the only place that reads the system time")]
                let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
                Timestamp(since.map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX)))
            }
            Self::Manual(clock) => Timestamp(clock.0.load(Ordering::SeqCst)),
        }
    }
}

/// A clock that a test sets; clones share the same time.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// Creates a clock that is set to `now`.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(now.0)))
    }

    /// Advances the clock by a duration.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_micros()).unwrap_or(0), Ordering::SeqCst);
    }

    /// Sets the clock back by a duration.
    pub fn set_back(&self, by: Duration) {
        self.0.fetch_sub(i64::try_from(by.as_micros()).unwrap_or(0), Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_formatted_as_rfc_3339_with_six_decimals() {
        let t = Timestamp::from_micros(1_795_458_064_123_456);
        assert_eq!(t.to_string(), "2026-11-23T18:21:04.123456Z");
        assert_eq!(t.display(), "23 Nov 2026, 18:21 UTC");
        assert_eq!(t.file_stamp(), "2026-11-23T18-21-04Z");
        assert_eq!(Timestamp::from_micros(0).to_string(), "1970-01-01T00:00:00.000000Z");
    }

    #[test]
    fn the_duration_since_a_later_timestamp_is_zero() {
        let (early, late) = (Timestamp::from_micros(5), Timestamp::from_micros(9));
        assert_eq!(late.since(early), Duration::from_micros(4));
        assert_eq!(early.since(late), Duration::ZERO);
    }
}
