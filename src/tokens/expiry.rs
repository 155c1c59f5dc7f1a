//! Expiry of a token value and grace period of a rotation.

use std::time::Duration;

use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::base::clock::Timestamp;
use crate::base::local_time::TimeFormat;
use crate::base::text::ValidationError;

/// Time before its expiry from which a token is shown as expiring soon.
pub const EXPIRING_SOON: Duration = Duration::from_hours(14 * 24);

/// Expiry of a new value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// No expiry.
    Never,
    /// After this number of days, to the microsecond.
    Days(u16),
    /// At this time: the end of a day.
    At(Timestamp),
}

impl Expiry {
    /// The periods that a form offers, in days.
    pub const PERIODS: [u16; 4] = [30, 60, 90, 365];

    /// Parses the fields of a form: `never`, one of [`Expiry::PERIODS`], or `date` with a date like `2027-03-31`, which stands
    /// for the end of that day in the zone of `times`.
    pub fn parse(choice: &str, date: &str, times: &TimeFormat) -> Result<Self, ValidationError> {
        match choice {
            "" | "never" => Ok(Self::Never),
            "date" => {
                let end = times
                    .end_of_day(date.trim())
                    .ok_or_else(|| ValidationError::new("Enter a date like 2027-03-31."))?;
                if end > times.now() {
                    Ok(Self::At(end))
                } else {
                    Err(ValidationError::new("Choose today or a later date."))
                }
            }
            days => match days.parse() {
                Ok(days) if Self::PERIODS.contains(&days) => Ok(Self::Days(days)),
                _ => Err(ValidationError::new("Choose one of the options, or a date.")),
            },
        }
    }

    /// The expiry time of a value created at `now`; `None` for no expiry.
    #[must_use]
    pub fn ends_at(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Never => None,
            Self::Days(days) => Some(now + Duration::from_hours(24 * u64::from(days))),
            Self::At(end) => Some(end),
        }
    }
}

/// Time for which the old value of a rotated token stays valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "lowercase", const_into_str, parse_err_ty = ValidationError, parse_err_fn = unknown_grace_period)]
pub enum GracePeriod {
    /// No time: all earlier values end immediately.
    None,
    /// 1 hour.
    #[strum(serialize = "1h")]
    Hour,
    /// 24 hours.
    #[strum(serialize = "24h")]
    Day,
    /// 7 days.
    #[strum(serialize = "7d")]
    Week,
    /// 30 days.
    #[strum(serialize = "30d")]
    Month,
}

impl GracePeriod {
    /// The length of the period.
    #[must_use]
    pub const fn duration(self) -> Duration {
        match self {
            Self::None => Duration::ZERO,
            Self::Hour => Duration::from_hours(1),
            Self::Day => Duration::from_hours(24),
            Self::Week => Duration::from_hours(7 * 24),
            Self::Month => Duration::from_hours(30 * 24),
        }
    }

    /// The name in forms and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.into_str()
    }

    /// The label of the choice on pages.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::None => "Stop it now",
            Self::Hour => "Keep it working for 1 hour",
            Self::Day => "Keep it working for 24 hours",
            Self::Week => "Keep it working for 7 days",
            Self::Month => "Keep it working for 30 days",
        }
    }
}

fn unknown_grace_period(_: &str) -> ValidationError {
    ValidationError::new("Choose none, 1h, 24h, 7d or 30d.")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_micros(1_795_435_200_000_000); // 2026-11-23T12:00Z

    fn expiry_time(choice: &str, date: &str) -> Option<String> {
        Expiry::parse(choice, date, &TimeFormat::utc(NOON)).unwrap().ends_at(NOON).map(|at| at.to_string())
    }

    #[test]
    fn an_expiry_is_never_a_period_or_the_end_of_a_day() {
        assert_eq!(expiry_time("never", "2027-01-01"), None);
        assert_eq!(expiry_time("30", "").unwrap(), "2026-12-23T12:00:00.000000Z");
        assert_eq!(expiry_time("date", "2027-02-28").unwrap(), "2027-03-01T00:00:00.000000Z");
        assert_eq!(expiry_time("date", "2026-11-23").unwrap(), "2026-11-24T00:00:00.000000Z", "today is still allowed");
    }

    #[test]
    fn an_invalid_expiry_is_rejected() {
        for (choice, date) in [
            ("31", ""),
            ("-1", ""),
            ("junk", ""),
            ("date", ""),
            ("date", "2026-11-22"),
            ("date", "2027-02-30"),
            ("date", "27-02-03"),
            ("date", "2027-2-3"),
            ("date", "+027-02-03"),
            ("date", "2027-02-03-04"),
            ("date", "99999-01-01"),
        ] {
            assert!(Expiry::parse(choice, date, &TimeFormat::utc(NOON)).is_err(), "{choice} {date}");
        }
        assert!(Expiry::parse("date", "9999-12-31", &TimeFormat::utc(NOON)).is_err(), "the next day is out of range");
    }
}
