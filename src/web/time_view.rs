//! Timestamps for pages. `templates/macros/times.html` renders them with the [`TimeFormat`] of the page's layout.

use std::time::Duration;

use crate::base::clock::Timestamp;
use crate::base::local_time::TimeFormat;

/// Time before or after now within which the time of day of an event matters as much as its date.
const SOON: Duration = Duration::from_hours(48);

/// What a timestamp stands for, which decides how it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Precision {
    /// An event: shown to the minute.
    Minute,
    /// An event of which the day matters.
    Day,
    /// The end of something. The end of a day is shown on that day.
    End,
    /// A view of a page, which is recorded at most once in an hour: the last view can be up to an hour later.
    Hour,
}

/// A timestamp for a `<time>` element.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeView {
    at: Timestamp,
    precision: Precision,
}

impl TimeView {
    /// Shows date and time to the minute.
    #[must_use]
    pub(crate) fn new(at: Timestamp) -> Self {
        Self { at, precision: Precision::Minute }
    }

    /// Shows the date, and the time of day on demand.
    #[must_use]
    pub(crate) fn day(at: Timestamp) -> Self {
        Self { at, precision: Precision::Day }
    }

    /// Shows the end of something, like an expiry: the date, and the time of day if it is near.
    #[must_use]
    pub(crate) fn end(at: Timestamp) -> Self {
        Self { at, precision: Precision::End }
    }

    /// Shows a time that is known to the hour.
    #[must_use]
    pub(crate) fn hour(at: Timestamp) -> Self {
        Self { at, precision: Precision::Hour }
    }

    /// Returns the time in RFC 3339, in whole seconds.
    #[must_use]
    pub(crate) fn exact(&self) -> String {
        self.at.to_seconds()
    }

    /// Returns whether the time is known to the hour only.
    #[must_use]
    pub(crate) fn is_rough(&self) -> bool {
        self.precision == Precision::Hour
    }

    /// Returns the distance from now: `20 minutes ago`.
    #[must_use]
    pub(crate) fn relative(&self, format: &TimeFormat) -> String {
        let relative = format.relative(self.at);
        if !self.is_rough() {
            relative
        } else if relative.contains("minute") || relative.contains("just") || self.at > format.now() {
            "within the last hour".to_owned()
        } else {
            format!("about {relative}")
        }
    }

    /// Returns the short absolute form: `24 Feb 2027`, or `24 Feb 2027, 14:05 Kigali time` if the time of day matters.
    #[must_use]
    pub(crate) fn short(&self, format: &TimeFormat) -> String {
        if self.has_short_form(format) { format.date(self.shown(format)) } else { self.full(format) }
    }

    /// Returns what the short form leaves out: `14:05 Kigali time`.
    #[must_use]
    pub(crate) fn rest(&self, format: &TimeFormat) -> Option<String> {
        self.has_short_form(format).then(|| format.clock(self.shown(format)))
    }

    /// Returns date and time with the zone: `24 Feb 2027, 14:05 Kigali time`.
    #[must_use]
    pub(crate) fn full(&self, format: &TimeFormat) -> String {
        let shown = self.shown(format);
        if self.is_rough() {
            format!("{}, about {}", format.date(shown), format.clock(shown))
        } else {
            format.date_time(shown)
        }
    }

    fn has_short_form(&self, format: &TimeFormat) -> bool {
        match self.precision {
            Precision::Day => true,
            Precision::End => self.at.since(format.now()).max(format.now().since(self.at)) >= SOON,
            Precision::Minute | Precision::Hour => false,
        }
    }

    fn shown(&self, format: &TimeFormat) -> Timestamp {
        const HOUR: i64 = 3_600_000_000;
        match self.precision {
            Precision::Minute | Precision::Day => self.at,
            Precision::End => format.last_moment(self.at),
            // The nearest full hour. No zone is off by less than a quarter of an hour.
            Precision::Hour => Timestamp::from_micros((self.at.micros() + HOUR / 2).div_euclid(HOUR) * HOUR),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::local_time::DateStyle;

    const NOON: Timestamp = Timestamp::from_micros(1_795_435_200_000_000); // 2026-11-23T12:00Z

    fn kigali() -> TimeFormat {
        TimeFormat::new("Africa/Kigali", DateStyle::DayFirst, NOON)
    }

    #[test]
    fn an_end_is_a_date_unless_it_is_near() {
        let end = |days: u64| TimeView::end(NOON + Duration::from_hours(24 * days));
        assert_eq!(end(90).short(&kigali()), "21 Feb 2027");
        assert_eq!(end(90).rest(&kigali()).unwrap(), "14:00 Kigali time");
        assert_eq!(
            (end(1).short(&kigali()).as_str(), end(1).rest(&kigali())),
            ("24 Nov 2026, 14:00 Kigali time", None)
        );
        let day = TimeView::end(kigali().end_of_day("2027-02-24").unwrap());
        assert_eq!(
            (day.short(&kigali()).as_str(), day.rest(&kigali()).as_deref()),
            ("24 Feb 2027", Some("23:59 Kigali time"))
        );
    }

    #[test]
    fn a_view_of_a_page_is_known_to_the_hour() {
        let view = |minutes: u64| TimeView::hour(NOON - Duration::from_secs(60 * minutes));
        for (minutes, relative, full) in [
            (0, "within the last hour", "23 Nov 2026, about 14:00 Kigali time"),
            (59, "within the last hour", "23 Nov 2026, about 13:00 Kigali time"),
            (60, "about 1 hour ago", "23 Nov 2026, about 13:00 Kigali time"),
            (100, "about 2 hours ago", "23 Nov 2026, about 12:00 Kigali time"),
            (60 * 24 * 3, "about 3 days ago", "20 Nov 2026, about 14:00 Kigali time"),
        ] {
            assert_eq!(
                (view(minutes).relative(&kigali()).as_str(), view(minutes).full(&kigali()).as_str()),
                (relative, full)
            );
        }
    }
}
