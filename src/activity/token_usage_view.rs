//! View models of a token's calls: its chart, and its callers.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};

use crate::base::clock::Timestamp;
use crate::base::day::Day;
use crate::base::local_time::{DateStyle, TimeFormat};
use crate::tokens::day_counts::day_counts;
use crate::tokens::model::Token;
use crate::usage::day_store::UsageDay;
use crate::usage::origins::Origin;
use crate::web::chart::{self, Chart, DayCounts};
use crate::web::list::grouped;
use crate::web::time_view::TimeView;

/// Time after its first call in which a caller is marked as new.
const NEW_CALLER: Duration = Duration::from_hours(7 * 24);

/// The number of days of the chart, from the query string: `days=90`, or 30.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChartDays(pub u16);

#[derive(serde::Deserialize)]
struct ChartQuery {
    days: Option<String>,
}

impl FromRequest for ChartDays {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, actix_web::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let days =
            web::Query::<ChartQuery>::from_query(request.query_string()).ok().and_then(|it| it.into_inner().days);
        ready(Ok(Self(if days.as_deref() == Some("90") { 90 } else { 30 })))
    }
}

/// The calls of a token or of a workspace by day.
pub(super) struct UsageByDay {
    /// Consecutive days; the last is today.
    pub days: Vec<DayCounts>,
    pub chart: Chart,
    /// The name of what the current value replaced: `old value rpat…mX5B`.
    pub old_label: String,
    /// Days are in UTC, whatever the zone of the page.
    format: TimeFormat,
}

impl UsageByDay {
    pub(super) fn new(token: &Token, rows: &[UsageDay], days: ChartDays, style: DateStyle, now: Timestamp) -> Self {
        let old_label = match token.previous.as_slice() {
            [old] => format!("old value rpat…{}", old.hint),
            _ => "old values".to_owned(),
        };
        Self { old_label, ..Self::of_days(day_counts(token, rows, days.0, now), style, now) }
    }

    /// The calls of consecutive days, the last of which is today.
    pub(super) fn of_days(days: Vec<DayCounts>, style: DateStyle, now: Timestamp) -> Self {
        Self { chart: Chart::new(&days), days, old_label: String::new(), format: TimeFormat::new("UTC", style, now) }
    }

    /// Formats a day: `23 Nov 2026`.
    pub(super) fn date(&self, day: Day) -> String {
        self.format.date(day.start())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.days_with_calls().next().is_none()
    }

    pub(super) fn has_old(&self) -> bool {
        self.days.iter().any(|day| day.old > 0)
    }

    pub(super) fn has_rejected(&self) -> bool {
        self.days.iter().any(|day| day.rejected > 0)
    }

    pub(super) fn days_with_calls(&self) -> impl Iterator<Item = &DayCounts> {
        self.days.iter().rev().filter(|day| day.old > 0 || day.new > 0 || day.rejected > 0)
    }

    pub(super) fn summary(&self) -> String {
        chart::summary(&self.days)
    }
}

/// A caller of a token.
pub(super) struct CallerView {
    /// The address; empty for all callers that have no row of their own.
    pub ip: Arc<str>,
    pub program: Arc<str>,
    /// With the time of day for a new caller.
    pub first: TimeView,
    pub last: TimeView,
    pub calls: String,
    pub rejected: i64,
    /// The caller was seen first in the last 7 days, and others were seen before.
    pub is_new: bool,
}

impl CallerView {
    pub(super) fn list(origins: Vec<Origin>, now: Timestamp) -> Vec<Self> {
        let first = origins.iter().map(|origin| origin.first_seen_at).min();
        let view = |origin: Origin| {
            let is_new = !origin.is_others()
                && first.is_some_and(|first| first < origin.first_seen_at)
                && now.since(origin.first_seen_at) < NEW_CALLER;
            Self {
                is_new,
                first: if is_new { TimeView::new(origin.first_seen_at) } else { TimeView::day(origin.first_seen_at) },
                last: TimeView::new(origin.last_seen_at),
                calls: grouped(origin.calls),
                rejected: origin.rejected,
                ip: origin.ip,
                program: origin.agent,
            }
        };
        origins.into_iter().map(view).collect()
    }
}
