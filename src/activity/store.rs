//! Queries of the event log.

use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable};

use crate::activity::model::{EventFilter, EventPerson, EventRecord, TimeRange};
use crate::base::clock::Timestamp;
use crate::db::schema::events;
use crate::db::{DbConnection, DbError};

crate::columns! {
    /// The columns of a [`Happening`], in the order of [`EventRow`].
    EVENT: EventColumns = (
        (events::id, events::at, events::kind, events::action),
        (events::actor, events::actor_name, events::actor_email),
        (events::subject, events::subject_name, events::subject_email),
        (events::token_name, events::detail),
        (events::ip, events::agent),
    )
}

type Text = Option<String>;

pub(crate) type EventRow =
    ((i64, Timestamp, String, String), (Text, Text, Text), (Text, Text, Text), (Text, Text), (Text, Text));

impl From<EventRow> for EventRecord {
    fn from(((_, at, word, action), actor, subject, (token, detail), (ip, agent)): EventRow) -> Self {
        let named = |(uuid, name, email): (Text, Text, Text)| uuid.map(|uuid| EventPerson { uuid, name, email });
        Self {
            at,
            kind: action.parse().ok(),
            word,
            actor: named(actor),
            subject: named(subject),
            token,
            detail,
            ip,
            agent,
        }
    }
}

/// Which events stand in one index, in the order of their time.
pub(crate) type EventPredicate<'a> =
    Box<dyn BoxableExpression<events::table, <DbConnection as Connection>::Backend, SqlType = Nullable<Bool>> + 'a>;

/// At most `limit` of the events that somebody sees, the latest of a period first. Of the workspace's and of the
/// person's own account, which belongs to none, of what they did and of what happened to them: a query each, since each
/// has an index to follow, and reads no more of a long history than the page shows.
pub(crate) fn list_events(
    conn: &mut DbConnection,
    what: &EventFilter,
    period: TimeRange,
    limit: usize,
) -> Result<Vec<EventRecord>, DbError> {
    let here = || events::workspace.eq(what.workspace.as_str());
    let nowhere = || events::workspace.is_null();
    let (did, met) = (|| events::actor.eq(what.person.as_str()), || events::subject.eq(what.person.as_str()));
    let mut latest = |these: EventPredicate, words: Vec<&str>| latest(conn, these, words, period, limit);
    let mut rows = if what.sees_all {
        latest(Box::new(here()), what.workspace_actions())?
    } else {
        let mut rows = latest(Box::new(did().and(here())), what.workspace_actions())?;
        rows.extend(latest(Box::new(met().and(here())), what.workspace_actions())?);
        rows
    };
    rows.extend(latest(Box::new(did().and(nowhere())), what.account_actions())?);
    rows.extend(latest(Box::new(met().and(nowhere())), what.account_actions())?);
    rows.sort_by_key(|((id, at, ..), ..)| std::cmp::Reverse((*at, *id)));
    // What somebody did to themselves was found twice.
    rows.dedup_by_key(|((id, ..), ..)| *id);
    rows.truncate(limit);
    Ok(rows.into_iter().map(EventRecord::from).collect())
}

pub(crate) fn latest(
    conn: &mut DbConnection,
    these: EventPredicate,
    words: Vec<&str>,
    period: TimeRange,
    limit: usize,
) -> Result<Vec<EventRow>, DbError> {
    if words.is_empty() {
        return Ok(Vec::new());
    }
    Ok(events::table
        .filter(these)
        .filter(events::action.eq_any(words))
        .filter(events::at.ge(period.from.micros()).and(events::at.lt(period.before.micros())))
        .order((events::at.desc(), events::id.desc()))
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select(EVENT)
        .load(conn)?)
}
