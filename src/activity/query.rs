//! Pagination of the events that a user can see.

use crate::activity::model::{EventFilter, EventPage, PAGE, TimeRange};
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
    let all_time = TimeRange {
        from: Timestamp::from_micros(i64::MIN),
        before: before.unwrap_or_else(|| Timestamp::from_micros(i64::MAX)),
    };
    let mut events = store::list_events(conn, filter, all_time, PAGE + 1)?;
    let Some(edge) = events.get(PAGE).map(|first_beyond| first_beyond.at) else {
        return Ok(EventPage { events, older: None });
    };
    events.retain(|it| it.at > edge);
    if let Some(last) = events.last() {
        return Ok(EventPage { older: Some(last.at), events });
    }
    // The events of one timestamp fill more than a page: return all of them.
    let instant = TimeRange { from: edge, before: Timestamp::from_micros(edge.micros().saturating_add(1)) };
    let events = store::list_events(conn, filter, instant, usize::MAX)?;
    let is_more = !store::list_events(conn, filter, TimeRange { before: edge, ..all_time }, 1)?.is_empty();
    Ok(EventPage { events, older: is_more.then_some(edge) })
}
