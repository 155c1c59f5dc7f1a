//! Queries of audit events. They only read.

use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable};

use crate::activity::model::{EventFilter, EventPerson, EventRecord, TimeRange};
use crate::base::clock::Timestamp;
use crate::db::schema::events;
use crate::db::{DbConnection, DbError};

crate::columns! {
    /// The columns of an [`EventRecord`], in the order of [`EventRow`].
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

/// A predicate whose events one index holds in the order of time.
pub(crate) type EventPredicate<'a> =
    Box<dyn BoxableExpression<events::table, <DbConnection as Connection>::Backend, SqlType = Nullable<Bool>> + 'a>;

/// Lists at most `limit` events of a period that the user can see, the latest first. Events of the workspace and of the
/// account, by actor and by subject, take one query each: every query follows its own index and reads no more rows than
/// the page shows.
pub(crate) fn list_events(
    conn: &mut DbConnection,
    filter: &EventFilter,
    period: TimeRange,
    limit: usize,
) -> Result<Vec<EventRecord>, DbError> {
    let in_workspace = || events::workspace.eq(filter.workspace.as_str());
    let without_workspace = || events::workspace.is_null();
    let (is_actor, is_subject) =
        (|| events::actor.eq(filter.person.as_str()), || events::subject.eq(filter.person.as_str()));
    let mut latest = |predicate: EventPredicate, actions: Vec<&str>| latest(conn, predicate, actions, period, limit);
    let mut rows = if filter.sees_all {
        latest(Box::new(in_workspace()), filter.workspace_actions())?
    } else {
        let mut rows = latest(Box::new(is_actor().and(in_workspace())), filter.workspace_actions())?;
        rows.extend(latest(Box::new(is_subject().and(in_workspace())), filter.workspace_actions())?);
        rows
    };
    rows.extend(latest(Box::new(is_actor().and(without_workspace())), filter.account_actions())?);
    rows.extend(latest(Box::new(is_subject().and(without_workspace())), filter.account_actions())?);
    rows.sort_by_key(|((id, at, ..), ..)| std::cmp::Reverse((*at, *id)));
    // An event whose actor is its subject is in two results.
    rows.dedup_by_key(|((id, ..), ..)| *id);
    rows.truncate(limit);
    Ok(rows.into_iter().map(EventRecord::from).collect())
}

pub(crate) fn latest(
    conn: &mut DbConnection,
    predicate: EventPredicate,
    actions: Vec<&str>,
    period: TimeRange,
    limit: usize,
) -> Result<Vec<EventRow>, DbError> {
    if actions.is_empty() {
        return Ok(Vec::new());
    }
    Ok(events::table
        .filter(predicate)
        .filter(events::action.eq_any(actions))
        .filter(events::at.ge(period.from.micros()).and(events::at.lt(period.before.micros())))
        .order((events::at.desc(), events::id.desc()))
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select(EVENT)
        .load(conn)?)
}
