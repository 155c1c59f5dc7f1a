//! Expiry of a token value and grace period of a rotation.

use std::fmt;
use std::time::Duration;

use time::{Date, Month, Time};

use crate::base::clock::Timestamp;
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
    /// At the end of this day in UTC.
    On(Date),
}

impl Expiry {
    /// The periods that a form offers, in days.
    pub const PERIODS: [u16; 4] = [30, 60, 90, 365];

    /// Parses the fields of a form: `never`, one of [`Expiry::PERIODS`], or `date` with a date like `2027-03-31`.
    pub fn parse(choice: &str, date: &str, now: Timestamp) -> Result<Self, ValidationError> {
        match choice {
            "" | "never" => Ok(Self::Never),
            "date" => {
                let day =
                    parse_date(date.trim()).ok_or_else(|| ValidationError::new("Enter a date like 2027-03-31."))?;
                let expiry = Self::On(day);
                if expiry.ends_at(now).is_some_and(|at| at > now) {
                    Ok(expiry)
                } else {
                    Err(ValidationError::new("Choose a day that is not over yet."))
                }
            }
            days => match days.parse() {
                Ok(days) if Self::PERIODS.contains(&days) => Ok(Self::Days(days)),
                _ => Err(ValidationError::new("Choose one of the periods, or a date.")),
            },
        }
    }

    /// The expiry time of a value created at `now`; `None` for no expiry.
    #[must_use]
    pub fn ends_at(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Never => None,
            Self::Days(days) => Some(now + Duration::from_hours(24 * u64::from(days))),
            Self::On(day) => {
                let after = day.next_day()?.with_time(Time::MIDNIGHT).assume_utc();
                Some(Timestamp::from_micros(after.unix_timestamp().checked_mul(1_000_000)?))
            }
        }
    }
}

/// Parses a date in the format of a form's date field (HTML, section 2.3.5.2): `2027-03-31`.
fn parse_date(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let well_formed = parts.next().is_none() && (year.len(), month.len(), day.len()) == (4, 2, 2);
    if !well_formed || !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
        return None;
    }
    let month = Month::try_from(month.parse::<u8>().ok()?).ok()?;
    Date::from_calendar_date(year.parse().ok()?, month, day.parse().ok()?).ok()
}

/// Time for which the old value of a rotated token stays valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GracePeriod {
    /// No time: all earlier values end immediately.
    None,
    /// 1 hour.
    Hour,
    /// 24 hours.
    Day,
    /// 7 days.
    Week,
    /// 30 days.
    Month,
}

impl GracePeriod {
    /// All grace periods, in the order of the form.
    pub const ALL: [Self; 5] = [Self::None, Self::Hour, Self::Day, Self::Week, Self::Month];

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
        match self {
            Self::None => "none",
            Self::Hour => "1h",
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
        }
    }

    /// The text on pages, after "The old value".
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::None => "stops at once",
            Self::Hour => "works for 1 more hour",
            Self::Day => "works for 24 more hours",
            Self::Week => "works for 7 more days",
            Self::Month => "works for 30 more days",
        }
    }
}

impl std::str::FromStr for GracePeriod {
    type Err = ValidationError;
    fn from_str(text: &str) -> Result<Self, ValidationError> {
        Self::ALL
            .into_iter()
            .find(|grace| grace.as_str() == text)
            .ok_or_else(|| ValidationError::new("Choose none, 1h, 24h, 7d or 30d."))
    }
}

impl fmt::Display for GracePeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_micros(1_795_435_200_000_000); // 2026-11-23T12:00Z

    fn expiry_time(choice: &str, date: &str) -> Option<String> {
        Expiry::parse(choice, date, NOON).unwrap().ends_at(NOON).map(|at| at.to_string())
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
            assert!(Expiry::parse(choice, date, NOON).is_err(), "{choice} {date}");
        }
        assert!(Expiry::parse("date", "9999-12-31", NOON).is_err(), "the next day is out of range");
    }
}
