//! Pagination and search of the events that a user can see.

use crate::activity::model::{EventFilter, EventPage, EventRecord, PAGE, TimeRange};
use crate::activity::search::matches;
use crate::activity::store;
use crate::base::clock::Timestamp;
use crate::db::{DbConnection, DbError};

/// Returns the page of events before a time, or the latest page. A page never splits the events of one timestamp, so
/// the events of one action stay together. A cursor is a timestamp, so later events do not move it.
pub(super) fn page(
    conn: &mut DbConnection,
    filter: &EventFilter,
    before: Option<Timestamp>,
) -> Result<EventPage, DbError> {
    let before = before.unwrap_or_else(|| Timestamp::from_micros(i64::MAX));
    let searched_to = match filter.read_max() {
        Some(count) => store::time_of_count(conn, filter, before, count)?,
        None => None,
    };
    let period = TimeRange { from: searched_to.unwrap_or_else(|| Timestamp::from_micros(i64::MIN)), before };
    let mut events = find(conn, filter, period, PAGE + 1)?;
    let Some(edge) = events.get(PAGE).map(|first_beyond| first_beyond.at) else {
        return Ok(EventPage { events, older: searched_to, searched_to });
    };
    events.retain(|it| it.at > edge);
    if let Some(last) = events.last() {
        return Ok(EventPage { older: Some(last.at), events, searched_to: None });
    }
    // The events of one timestamp fill more than a page: return all of them.
    let instant = TimeRange { from: edge, before: Timestamp::from_micros(edge.micros().saturating_add(1)) };
    let events = find(conn, filter, instant, usize::MAX)?;
    let is_more = searched_to.is_some() || !find(conn, filter, TimeRange { before: edge, ..period }, 1)?.is_empty();
    Ok(EventPage { events, older: is_more.then_some(edge), searched_to: None })
}

/// Lists at most `limit` events of a period that match the search, the latest first.
fn find(
    conn: &mut DbConnection,
    filter: &EventFilter,
    period: TimeRange,
    limit: usize,
) -> Result<Vec<EventRecord>, DbError> {
    if filter.words.is_empty() {
        return store::list_events(conn, filter, period, limit);
    }
    let events = store::list_events(conn, filter, period, usize::MAX)?;
    Ok(events.into_iter().filter(|event| matches(event, &filter.words)).take(limit).collect())
}
