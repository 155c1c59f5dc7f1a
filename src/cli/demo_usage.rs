//! The calls of the sample tokens: a rhythm of working days and nights, the same at each start.

use std::time::Duration;

use crate::base::clock::Timestamp;
use crate::base::day::Day;

const HOUR: Duration = Duration::from_hours(1);

/// When a sample program calls.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rhythm {
    /// About so many calls on a working day from 6 to 18 o'clock in UTC, and a tenth of it on other days.
    OfficeHours(u64),
    /// One call every night.
    Nightly,
    /// One call in the night to Monday.
    Weekly,
}

impl Rhythm {
    /// The times of the calls between two times, in order. Numbers vary from day to day, but not from start to start.
    pub(super) fn calls(self, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
        let count = u16::try_from(Day::containing(to).number() - Day::containing(from).number() + 1).unwrap_or(0);
        let days = Day::containing(to).latest(count);
        days.flat_map(|day| self.calls_of(day)).filter(|at| (from..to).contains(at)).collect()
    }

    fn calls_of(self, day: Day) -> Vec<Timestamp> {
        let number = day.number().unsigned_abs();
        // 1 January 1970 was a Thursday; 0 is Monday.
        let weekday = (number + 3) % 7;
        let night = day.start() + 2 * HOUR + Duration::from_secs(varied(number) % 300);
        match self {
            Self::Nightly => vec![night],
            Self::Weekly if weekday == 0 => vec![night],
            Self::Weekly => Vec::new(),
            Self::OfficeHours(calls) => {
                let calls = calls * (85 + varied(number) % 30) / 100;
                let calls = if weekday < 5 { calls } else { calls / 10 };
                let pause = 12 * HOUR / u32::try_from(calls.max(1)).unwrap_or(u32::MAX);
                (0..u32::try_from(calls).unwrap_or(0)).map(|nth| day.start() + 6 * HOUR + pause * nth).collect()
            }
        }
    }
}

/// A number that looks random, from a multiplicative hash.
fn varied(number: u64) -> u64 {
    number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn working_days_have_more_calls_than_other_days() {
        // Monday, 23 November 2026.
        let start = Timestamp::from_micros(1_795_392_000_000_000);
        let of_day = |day: u64| {
            let from = start + Duration::from_hours(24 * day);
            Rhythm::OfficeHours(100).calls(from, from + Duration::from_hours(24)).len()
        };
        let calls: Vec<usize> = (0..7).map(of_day).collect();
        assert!(calls[..5].iter().all(|calls| (85..115).contains(calls)), "{calls:?}");
        assert!(calls[5..].iter().all(|calls| *calls < 12), "{calls:?}");
        assert!(calls[..5].windows(2).any(|days| days[0] != days[1]), "{calls:?}");
        let week = start + Duration::from_hours(24 * 7);
        assert_eq!([Rhythm::Nightly, Rhythm::Weekly].map(|it| it.calls(start, week).len()), [7, 1]);
        assert_eq!(Rhythm::Nightly.calls(start + 12 * HOUR, week).len(), 6, "only calls after the start");
    }
}
