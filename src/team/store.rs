//! The queries of a team.

use std::collections::HashMap;

use diesel::dsl::max;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable};

use super::TeamMember;
use super::activity::{Period, What};
use super::sentence::{Happening, Named};
use crate::accounts::store::{USER, UserRow};
use crate::kernel::clock::Timestamp;
use crate::kernel::db::schema::{events, memberships, sessions, users};
use crate::kernel::db::{Conn, DbError};
use crate::kernel::id::Id;
use crate::workspaces::store::MembershipKey;
use crate::workspaces::{Role, Workspace};

crate::columns! {
    /// The columns of a [`TeamMember`] but for the user's, in the order of [`MemberRow`].
    MEMBER: MemberColumns = (memberships::id, memberships::role, memberships::created_at)
}
type MemberRow = ((i64, Role, Timestamp), UserRow);

fn member(((key, role, since), user): MemberRow, last_seen: Option<Timestamp>) -> TeamMember {
    TeamMember { membership: MembershipKey(key), user: user.into(), role, since, last_seen }
}

/// The present members of a workspace, those added first before the others.
pub fn members(conn: &mut Conn, workspace: &Workspace) -> Result<Vec<TeamMember>, DbError> {
    let present = || {
        memberships::table
            .filter(memberships::workspace_id.eq(workspace.key.0))
            .filter(memberships::removed_at.is_null())
    };
    let rows =
        present().inner_join(users::table).order(memberships::id).select((MEMBER, USER)).load::<MemberRow>(conn)?;
    let seen = sessions::table
        .filter(sessions::user_id.eq_any(present().select(memberships::user_id.nullable())))
        .group_by(sessions::user_id)
        .select((sessions::user_id, max(sessions::last_seen_at)))
        .load::<(Option<i64>, Option<Timestamp>)>(conn)?;
    let seen: HashMap<i64, Timestamp> = seen.into_iter().filter_map(|(user, at)| Some((user?, at?))).collect();
    Ok(rows
        .into_iter()
        .map(|row| {
            let last_seen = seen.get(&row.1.0).copied();
            member(row, last_seen)
        })
        .collect())
}

/// The present member of a workspace who is the user with this identifier.
pub fn find(conn: &mut Conn, workspace: &Workspace, user: &Id) -> Result<Option<TeamMember>, DbError> {
    let row = memberships::table
        .inner_join(users::table)
        .filter(memberships::workspace_id.eq(workspace.key.0))
        .filter(memberships::removed_at.is_null())
        .filter(users::uuid.eq(user.as_str()))
        .select((MEMBER, USER))
        .get_result::<MemberRow>(conn)
        .optional()?;
    let Some(row) = row else { return Ok(None) };
    let last_seen = sessions::table
        .filter(sessions::user_id.eq(row.1.0))
        .select(max(sessions::last_seen_at))
        .get_result::<Option<Timestamp>>(conn)?;
    Ok(Some(member(row, last_seen)))
}

pub(super) fn set_role(conn: &mut Conn, membership: MembershipKey, role: Role) -> Result<(), DbError> {
    diesel::update(memberships::table.filter(memberships::id.eq(membership.0)))
        .set(memberships::role.eq(role.as_str()))
        .execute(conn)?;
    Ok(())
}

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
type EventRow = ((i64, Timestamp, String, String), (Text, Text, Text), (Text, Text, Text), (Text, Text), (Text, Text));

impl From<EventRow> for Happening {
    fn from(((_, at, word, action), actor, subject, (token, detail), (ip, agent)): EventRow) -> Self {
        let named = |(uuid, name, email): (Text, Text, Text)| uuid.map(|uuid| Named { uuid, name, email });
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
type These<'a> =
    Box<dyn BoxableExpression<events::table, <Conn as Connection>::Backend, SqlType = Nullable<Bool>> + 'a>;

/// At most `limit` of the events that somebody sees, the latest of a period first. Of the workspace's and of the
/// person's own account, which belongs to none, of what they did and of what happened to them: a query each, since each
/// has an index to follow, and reads no more of a long history than the page shows.
pub(super) fn happenings(
    conn: &mut Conn,
    what: &What,
    period: Period,
    limit: usize,
) -> Result<Vec<Happening>, DbError> {
    let here = || events::workspace.eq(what.workspace.as_str());
    let nowhere = || events::workspace.is_null();
    let (did, met) = (|| events::actor.eq(what.person.as_str()), || events::subject.eq(what.person.as_str()));
    let mut latest = |these: These, words: Vec<&str>| latest(conn, these, words, period, limit);
    let mut rows = if what.sees_all {
        latest(Box::new(here()), what.of_workspace())?
    } else {
        let mut rows = latest(Box::new(did().and(here())), what.of_workspace())?;
        rows.extend(latest(Box::new(met().and(here())), what.of_workspace())?);
        rows
    };
    rows.extend(latest(Box::new(did().and(nowhere())), what.of_account())?);
    rows.extend(latest(Box::new(met().and(nowhere())), what.of_account())?);
    rows.sort_by_key(|((id, at, ..), ..)| std::cmp::Reverse((*at, *id)));
    // What somebody did to themselves was found twice.
    rows.dedup_by_key(|((id, ..), ..)| *id);
    rows.truncate(limit);
    Ok(rows.into_iter().map(Happening::from).collect())
}

fn latest(
    conn: &mut Conn,
    these: These,
    words: Vec<&str>,
    period: Period,
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
