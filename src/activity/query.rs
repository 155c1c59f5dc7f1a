//! What happened: which events somebody sees, page by page.

use crate::activity::model::{Events, PAGE, Period, What};
use crate::activity::store;
use crate::base::clock::Timestamp;
use crate::db::{Conn, DbError};

/// What happened before a moment, or until now. A page ends between two moments: what happened in one, and so what one
/// action did, stays together, and a place is a moment that nothing added later moves.
pub fn page(conn: &mut Conn, what: &What, before: Option<Timestamp>) -> Result<Events, DbError> {
    let ever = Period {
        from: Timestamp::from_micros(i64::MIN),
        before: before.unwrap_or_else(|| Timestamp::from_micros(i64::MAX)),
    };
    let mut happenings = store::happenings(conn, what, ever, PAGE + 1)?;
    let Some(edge) = happenings.get(PAGE).map(|first_beyond| first_beyond.at) else {
        return Ok(Events { happenings, older: None });
    };
    happenings.retain(|it| it.at > edge);
    if let Some(last) = happenings.last() {
        return Ok(Events { older: Some(last.at), happenings });
    }
    // More than a page in one moment.
    let moment = Period { from: edge, before: Timestamp::from_micros(edge.micros().saturating_add(1)) };
    let happenings = store::happenings(conn, what, moment, usize::MAX)?;
    let is_more = !store::happenings(conn, what, Period { before: edge, ..ever }, 1)?.is_empty();
    Ok(Events { happenings, older: is_more.then_some(edge) })
}
