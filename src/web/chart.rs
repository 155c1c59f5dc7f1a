//! Geometry of bar charts of counts by day, for inline SVG. It knows no colours: the style sheet has them, by class.

use std::fmt::Write as _;

use crate::base::day::Day;
use crate::web::list::grouped;

/// Width and height of a chart in its own units.
pub(crate) const WIDTH: i64 = 660;
pub(crate) const HEIGHT: i64 = 190;

/// The area of the bars.
const LEFT: i64 = 48;
const RIGHT: i64 = 652;
const TOP: i64 = 10;
const BASE: i64 = 160;

/// Height of the bars of a [`Strip`]: one digit keeps the rows of lists short.
const STRIP_HEIGHT: i64 = 8;

/// Maximum number of grid lines above zero.
const MAX_STEPS: i64 = 4;

/// Counts of one day, from the bottom of its bar to the top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DayCounts {
    pub day: Day,
    /// Calls with an earlier value.
    pub old: i64,
    /// Calls with the current value.
    pub new: i64,
    pub rejected: i64,
}

impl DayCounts {
    fn total(&self) -> i64 {
        self.old.saturating_add(self.new).saturating_add(self.rejected)
    }
}

/// A grid line with its number.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct GridLine {
    pub y: i64,
    pub count: i64,
}

/// A day that has a label below its bar.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DayLabel {
    pub x: i64,
    pub day: Day,
}

/// The shapes of a chart. Each `path` is the `d` attribute of an SVG path whose stroke draws the bars; it is empty if there
/// is no such count.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Chart {
    pub grid: Vec<GridLine>,
    pub labels: Vec<DayLabel>,
    /// The middle of the last bar.
    pub today_x: i64,
    /// The width of the strokes.
    pub bar_width: i64,
    pub old_path: String,
    pub new_path: String,
    pub rejected_path: String,
}

impl Chart {
    /// The chart of consecutive days, the last of which is today.
    #[must_use]
    pub(crate) fn new(days: &[DayCounts]) -> Self {
        let step = step(days.iter().map(DayCounts::total).max().unwrap_or(0));
        let most = days.iter().map(DayCounts::total).max().unwrap_or(0).max(1);
        let steps = most / step + i64::from(most % step > 0);
        let y = |count: i64| BASE - scaled(count, step.saturating_mul(steps));
        let count = i64::try_from(days.len()).unwrap_or(i64::MAX).max(1);
        let left = |nth: i64| LEFT + nth * (RIGHT - LEFT) / count;
        let width = ((RIGHT - LEFT) / count - if count > 45 { 1 } else { 5 }).max(1);
        let middle = |nth: i64| left(nth) + width / 2;
        let (mut old_path, mut new_path, mut rejected_path) = (String::new(), String::new(), String::new());
        for (nth, day) in (0..).zip(days) {
            let mut bottom = 0_i64;
            for (count, path) in
                [(day.old, &mut old_path), (day.new, &mut new_path), (day.rejected, &mut rejected_path)]
            {
                if count > 0 {
                    let top = bottom.saturating_add(count);
                    // A count that is less than a unit high is still visible.
                    let (from, to) = (y(bottom), y(top).min(y(bottom) - 1));
                    // Writing to a string can't fail.
                    let _ = write!(path, "M{} {from}V{to}", middle(nth));
                    bottom = top;
                }
            }
        }
        Self {
            grid: (0..=steps)
                .map(|nth| GridLine { y: y(nth.saturating_mul(step)), count: nth.saturating_mul(step) })
                .collect(),
            labels: (0..)
                .zip(days)
                .step_by((days.len() / 3).max(1))
                .take(3)
                .map(|(nth, day)| DayLabel { x: left(nth), day: day.day })
                .collect(),
            today_x: middle(count - 1),
            bar_width: width,
            old_path,
            new_path,
            rejected_path,
        }
    }
}

/// The totals of some days: `1,204 calls · 3 rejected in 30 days`.
#[must_use]
pub(crate) fn summary(days: &[DayCounts]) -> String {
    format!("{} in {} days", totals(days), days.len())
}

/// The totals of some days: `1,204 calls · 3 rejected`.
fn totals(days: &[DayCounts]) -> String {
    let sum = |get: fn(&DayCounts) -> i64| days.iter().map(get).fold(0, i64::saturating_add);
    let (calls, rejected) = (sum(|day| day.old.saturating_add(day.new)), sum(|day| day.rejected));
    let word = if calls == 1 { "call" } else { "calls" };
    let rejected = if rejected > 0 { format!(" · {} rejected", grouped(rejected)) } else { String::new() };
    format!("{} {word}{rejected}", grouped(calls))
}

/// Bars without axes, for a row of a list: a unit wide each and up to [`STRIP_HEIGHT`] high. A list has many of
/// them, so the bars are one outline without gaps; the style sheet scales it and makes the gaps.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Strip {
    /// Days without a rejected call; empty if there are none.
    pub calls_path: String,
    /// Days with a rejected call; empty if there are none.
    pub rejected_path: String,
    /// The totals as text.
    pub totals: String,
}

impl Strip {
    #[must_use]
    pub(crate) fn new(days: &[DayCounts]) -> Self {
        let most = i128::from(days.iter().map(DayCounts::total).max().unwrap_or(0).max(1));
        let top = |total: i64| {
            let height = i128::from(total) * i128::from(STRIP_HEIGHT) / most;
            STRIP_HEIGHT - i64::try_from(height).unwrap_or(STRIP_HEIGHT).max(i64::from(total > 0))
        };
        let path = |is_rejected: bool| {
            let is_shown = |day: &DayCounts| (day.rejected > 0) == is_rejected;
            outline(days.iter().map(|day| top(if is_shown(day) { day.total() } else { 0 })))
        };
        Self { calls_path: path(false), rejected_path: path(true), totals: totals(days) }
    }
}

/// The outline of bars with these tops, a unit wide each. Empty if no bar has a height.
fn outline(tops: impl Iterator<Item = i64>) -> String {
    let (mut path, mut level, mut width) = (String::new(), STRIP_HEIGHT, 0);
    for top in tops.chain([STRIP_HEIGHT]) {
        if top != level {
            let start = if path.is_empty() { format!("M{width} {STRIP_HEIGHT}") } else { format!("h{width}") };
            // Writing to a string can't fail.
            let _ = write!(path, "{start}V{top}");
            (level, width) = (top, 0);
        }
        width += 1;
    }
    if !path.is_empty() {
        path.push('z');
    }
    path
}

/// The height of a count, if `most` has the whole height.
fn scaled(count: i64, most: i64) -> i64 {
    let height = i128::from(count) * i128::from(BASE - TOP) / i128::from(most.max(1));
    i64::try_from(height).unwrap_or(BASE - TOP)
}

/// The distance of the grid lines: 1, 2 or 5 times a power of ten.
fn step(most: i64) -> i64 {
    let mut power = 1_i64;
    loop {
        for factor in [1, 2, 5] {
            let step = power.saturating_mul(factor);
            if step.saturating_mul(MAX_STEPS) >= most {
                return step;
            }
        }
        power = power.saturating_mul(10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(number: i64, old: i64, new: i64, rejected: i64) -> DayCounts {
        DayCounts { day: Day::from_number(number), old, new, rejected }
    }

    #[test]
    fn the_grid_has_round_numbers_up_to_the_highest_bar() {
        let counts = |most| Chart::new(&[day(0, 0, most, 0)]).grid.iter().map(|it| it.count).collect::<Vec<_>>();
        assert_eq!(counts(0), [0, 1]);
        assert_eq!(counts(3), [0, 1, 2, 3]);
        assert_eq!(counts(69), [0, 20, 40, 60, 80]);
        assert_eq!(counts(1204), [0, 500, 1000, 1500]);
        assert_eq!(counts(i64::MAX).first(), Some(&0));
    }

    #[test]
    fn counts_of_a_day_are_stacked_and_a_small_one_is_visible() {
        let chart = Chart::new(&[day(0, 50, 25, 25), day(1, 0, 100, 0), day(2, 0, 0, 1)]);
        assert_eq!((chart.bar_width, chart.old_path.as_str()), (196, "M146 160V85"));
        assert_eq!(chart.new_path, "M146 85V48M347 160V10");
        assert_eq!(chart.rejected_path, "M146 48V10M548 160V159");
        assert_eq!(chart.grid.last(), Some(&GridLine { y: 10, count: 100 }));
        assert_eq!(chart.today_x, 548);
    }

    #[test]
    fn a_strip_marks_days_with_rejected_calls() {
        let days = [day(0, 10, 1000, 0), day(1, 0, 1010, 0), day(2, 0, 0, 0), day(3, 0, 194, 3), day(4, 0, 1, 0)];
        let strip = Strip::new(&days);
        assert_eq!(strip.calls_path, "M0 8V0h2V8h2V7h1V8z");
        assert_eq!(strip.rejected_path, "M3 8V7h1V8z");
        assert_eq!(strip.totals, "2,215 calls · 3 rejected");
        let none = Strip::new(&[day(0, 0, 0, 0)]);
        assert_eq!((none.calls_path.as_str(), none.rejected_path.as_str()), ("", ""));
        let most = Strip::new(&[day(0, i64::MAX, 1, 0), day(1, 0, 1, 0)]);
        assert_eq!(most.calls_path, "M0 8V0h1V7h1V8z");
    }

    #[test]
    fn three_days_have_labels_besides_today() {
        let days: Vec<DayCounts> = (0..90).map(|number| day(number, 0, 1, 0)).collect();
        let labels: Vec<i64> = Chart::new(&days).labels.iter().map(|label| label.day.number()).collect();
        assert_eq!(labels, [0, 30, 60]);
    }
}
