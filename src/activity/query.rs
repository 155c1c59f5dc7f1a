//! What happened: which events somebody sees, page by page.

use crate::activity::model::{EventFilter, EventPage, PAGE, TimeRange};
use crate::activity::store;
use crate::base::clock::Timestamp;
use crate::db::{DbConnection, DbError};

/// What happened before a moment, or until now. A page ends between two moments: what happened in one, and so what one
/// action did, stays together, and a place is a moment that nothing added later moves.
pub fn page(conn: &mut DbConnection, what: &EventFilter, before: Option<Timestamp>) -> Result<EventPage, DbError> {
    let ever = TimeRange {
        from: Timestamp::from_micros(i64::MIN),
        before: before.unwrap_or_else(|| Timestamp::from_micros(i64::MAX)),
    };
    let mut happenings = store::list_events(conn, what, ever, PAGE + 1)?;
    let Some(edge) = happenings.get(PAGE).map(|first_beyond| first_beyond.at) else {
        return Ok(EventPage { events: happenings, older: None });
    };
    happenings.retain(|it| it.at > edge);
    if let Some(last) = happenings.last() {
        return Ok(EventPage { older: Some(last.at), events: happenings });
    }
    // More than a page in one moment.
    let moment = TimeRange { from: edge, before: Timestamp::from_micros(edge.micros().saturating_add(1)) };
    let happenings = store::list_events(conn, what, moment, usize::MAX)?;
    let is_more = !store::list_events(conn, what, TimeRange { before: edge, ..ever }, 1)?.is_empty();
    Ok(EventPage { events: happenings, older: is_more.then_some(edge) })
}
