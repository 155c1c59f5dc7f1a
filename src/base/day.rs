//! Calendar days in UTC.

use std::fmt;

use crate::base::clock::Timestamp;

const MICROS: i64 = 86_400_000_000;

/// A calendar day in UTC, as the number of days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i32);

impl Day {
    /// Returns the day that contains `at`.
    #[must_use]
    pub fn containing(at: Timestamp) -> Self {
        Self::from_number(at.micros().div_euclid(MICROS))
    }

    /// Returns the day this number of days after 1970-01-01.
    #[must_use]
    pub fn from_number(number: i64) -> Self {
        Self(i32::try_from(number).unwrap_or(i32::MAX))
    }

    /// Returns the number of days since 1970-01-01.
    #[must_use]
    pub fn number(self) -> i64 {
        self.0.into()
    }

    /// Returns the first moment of the day.
    #[must_use]
    pub fn start(self) -> Timestamp {
        Timestamp::from_micros(self.number() * MICROS)
    }

    /// Returns the latest `count` days up to and including this one, the earliest first.
    #[must_use]
    pub fn latest(self, count: u16) -> impl DoubleEndedIterator<Item = Self> + Clone + use<> {
        (1 - i32::from(count)..=0).map(move |offset| Self(self.0.saturating_add(offset)))
    }
}

/// The date as ISO 8601 writes it: `2026-11-23`.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.start().to_string()[..10])
    }
}

impl serde::Serialize for Day {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_in_utc() {
        let noon = Timestamp::from_micros(1_795_435_200_000_000);
        let day = Day::containing(noon);
        assert_eq!(
            (day.to_string(), day.start().to_string()),
            ("2026-11-23".into(), "2026-11-23T00:00:00.000000Z".into())
        );
        assert_eq!(Day::containing(Timestamp::from_micros(day.start().micros() - 1)).number(), day.number() - 1);
        assert_eq!(Day::containing(Timestamp::from_micros(-1)).to_string(), "1969-12-31");
        let days: Vec<String> = day.latest(3).map(|day| day.to_string()).collect();
        assert_eq!(days, ["2026-11-21", "2026-11-22", "2026-11-23"]);
    }
}
