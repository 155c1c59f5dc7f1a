//! Queries of audit events. They only read.

use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable};

use crate::activity::model::{EventFilter, EventPerson, EventRecord, TimeRange};
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::db::schema::events;
use crate::db::{DbConnection, DbError};

crate::impl_select! {
    /// The columns of an [`EventRecord`].
    EVENT: EventRecord {
        at: Timestamp = events::at,
        word: String = events::kind,
        action: String = events::action,
        actor: Option<String> = events::actor,
        actor_name: Option<String> = events::actor_name,
        actor_email: Option<String> = events::actor_email,
        subject: Option<String> = events::subject,
        subject_name: Option<String> = events::subject_name,
        subject_email: Option<String> = events::subject_email,
        token: Option<String> = events::token_name,
        detail: Option<String> = events::detail,
        ip: Option<String> = events::ip,
        agent: Option<String> = events::agent,
    } => {
        let person = |uuid: Option<String>, name, email| uuid.map(|uuid| EventPerson { uuid, name, email });
        let (actor, subject) =
            (person(actor, actor_name, actor_email), person(subject, subject_name, subject_email));
        Self { at, kind: action.parse().ok(), word, actor, subject, token, detail, ip, agent }
    }
}

/// A predicate whose events one index holds in the order of time.
type EventPredicate<'a> =
    Box<dyn BoxableExpression<events::table, <DbConnection as Connection>::Backend, SqlType = Nullable<Bool>> + 'a>;

/// The parts of what the user can see, each with the selected actions: events of the workspace and of the account, by actor
/// and by subject. Each part follows its own index and reads no more rows than the page shows.
fn parts(filter: &EventFilter) -> Vec<(EventPredicate<'_>, Vec<&'static str>)> {
    let in_workspace = || events::workspace.eq(filter.workspace.as_str());
    let without_workspace = || events::workspace.is_null();
    let is_actor = || events::actor.eq(filter.person.as_str());
    let is_subject = || events::subject.eq(filter.person.as_str());
    let mut parts: Vec<(EventPredicate<'_>, _)> = if filter.can_see_all {
        vec![(Box::new(in_workspace()), filter.workspace_actions())]
    } else {
        vec![
            (Box::new(is_actor().and(in_workspace())), filter.workspace_actions()),
            (Box::new(is_subject().and(in_workspace())), filter.workspace_actions()),
        ]
    };
    parts.push((Box::new(is_actor().and(without_workspace())), filter.account_actions()));
    parts.push((Box::new(is_subject().and(without_workspace())), filter.account_actions()));
    parts.retain(|(_, actions)| !actions.is_empty());
    parts
}

/// Lists at most `limit` events of a period that the user can see, the latest first.
pub(crate) fn list_events(
    conn: &mut DbConnection,
    filter: &EventFilter,
    period: TimeRange,
    limit: usize,
) -> Result<Vec<EventRecord>, DbError> {
    let mut rows = Vec::new();
    for (predicate, actions) in parts(filter) {
        rows.extend(latest(conn, predicate, actions, period, limit)?);
    }
    rows.sort_by_key(|(id, event)| std::cmp::Reverse((event.at, *id)));
    // An event whose actor is its subject is in two results.
    rows.dedup_by_key(|(id, _)| *id);
    rows.truncate(limit);
    Ok(rows.into_iter().map(|(_, event)| event).collect())
}

fn latest(
    conn: &mut DbConnection,
    predicate: EventPredicate,
    actions: Vec<&str>,
    period: TimeRange,
    limit: usize,
) -> Result<Vec<(i64, EventRecord)>, DbError> {
    Ok(events::table
        .filter(predicate)
        .filter(events::action.eq_any(actions))
        .filter(events::at.ge(period.from.micros()).and(events::at.lt(period.before.micros())))
        .order((events::at.desc(), events::id.desc()))
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select((events::id, EVENT))
        .load(conn)?)
}

/// The latest time before `before` such that each part of what the user can see has at most `count` later events of any
/// action, or `None` if no part has more.
pub(crate) fn time_of_count(
    conn: &mut DbConnection,
    filter: &EventFilter,
    before: Timestamp,
    count: usize,
) -> Result<Option<Timestamp>, DbError> {
    let mut latest = None;
    for (predicate, _) in parts(filter) {
        let at = events::table
            .filter(predicate)
            .filter(events::at.lt(before.micros()))
            .order((events::at.desc(), events::id.desc()))
            .limit(1)
            .offset(i64::try_from(count).unwrap_or(i64::MAX))
            .select(events::at)
            .first::<i64>(conn)
            .optional()?;
        latest = latest.max(at.map(Timestamp::from_micros));
    }
    Ok(latest)
}

/// The latest `limit` events of a token of the workspace, the latest first.
pub(crate) fn list_of_token(
    conn: &mut DbConnection,
    workspace: &PublicId,
    token: &PublicId,
    limit: usize,
) -> Result<Vec<EventRecord>, DbError> {
    Ok(events::table
        .filter(events::token.eq(token.as_str()).and(events::workspace.eq(workspace.as_str())))
        .order((events::at.desc(), events::id.desc()))
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select(EVENT)
        .load(conn)?)
}
