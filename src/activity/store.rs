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
    let mut rows = if filter.can_see_all {
        latest(Box::new(in_workspace()), filter.workspace_actions())?
    } else {
        let mut rows = latest(Box::new(is_actor().and(in_workspace())), filter.workspace_actions())?;
        rows.extend(latest(Box::new(is_subject().and(in_workspace())), filter.workspace_actions())?);
        rows
    };
    rows.extend(latest(Box::new(is_actor().and(without_workspace())), filter.account_actions())?);
    rows.extend(latest(Box::new(is_subject().and(without_workspace())), filter.account_actions())?);
    rows.sort_by_key(|(id, event)| std::cmp::Reverse((event.at, *id)));
    // An event whose actor is its subject is in two results.
    rows.dedup_by_key(|(id, _)| *id);
    rows.truncate(limit);
    Ok(rows.into_iter().map(|(_, event)| event).collect())
}

pub(crate) fn latest(
    conn: &mut DbConnection,
    predicate: EventPredicate,
    actions: Vec<&str>,
    period: TimeRange,
    limit: usize,
) -> Result<Vec<(i64, EventRecord)>, DbError> {
    if actions.is_empty() {
        return Ok(Vec::new());
    }
    Ok(events::table
        .filter(predicate)
        .filter(events::action.eq_any(actions))
        .filter(events::at.ge(period.from.micros()).and(events::at.lt(period.before.micros())))
        .order((events::at.desc(), events::id.desc()))
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select((events::id, EVENT))
        .load(conn)?)
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
