//! Queries of members. No access checks: the callers do them.

use std::collections::HashMap;

use diesel::dsl::max;
use diesel::prelude::*;

use crate::accounts::store::{USER, UserRow};
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::db::ids::MembershipId;
use crate::db::schema::{memberships, sessions, users};
use crate::db::{DbConnection, DbError};
use crate::members::model::Member;
use crate::workspaces::model::Workspace;
use crate::workspaces::profile::Role;

crate::columns! {
    /// The columns of a [`Member`] without the user's, in the order of [`MemberRow`].
    MEMBER: MemberColumns = (memberships::id, memberships::role, memberships::created_at)
}

type MemberRow = ((i64, Role, Timestamp), UserRow);

fn to_member(((key, role, since), user): MemberRow, last_seen: Option<Timestamp>) -> Member {
    Member { membership: MembershipId(key), user: user.into(), role, since, last_seen }
}

/// Lists the active members of a workspace, in the order of joining.
pub fn members(conn: &mut DbConnection, workspace: &Workspace) -> Result<Vec<Member>, DbError> {
    let active = || {
        memberships::table
            .filter(memberships::workspace_id.eq(workspace.key.0))
            .filter(memberships::removed_at.is_null())
    };
    let rows =
        active().inner_join(users::table).order(memberships::id).select((MEMBER, USER)).load::<MemberRow>(conn)?;
    let last_views = sessions::table
        .filter(sessions::user_id.eq_any(active().select(memberships::user_id.nullable())))
        .group_by(sessions::user_id)
        .select((sessions::user_id, max(sessions::last_seen_at)))
        .load::<(Option<i64>, Option<Timestamp>)>(conn)?;
    let last_views: HashMap<i64, Timestamp> =
        last_views.into_iter().filter_map(|(user, at)| Some((user?, at?))).collect();
    Ok(rows
        .into_iter()
        .map(|row| {
            let last_seen = last_views.get(&row.1.0).copied();
            to_member(row, last_seen)
        })
        .collect())
}

/// Finds the active member of a workspace by the user's public identifier.
pub fn find(conn: &mut DbConnection, workspace: &Workspace, user: &PublicId) -> Result<Option<Member>, DbError> {
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
    Ok(Some(to_member(row, last_seen)))
}

pub(crate) fn set_role(conn: &mut DbConnection, membership: MembershipId, role: Role) -> Result<(), DbError> {
    diesel::update(memberships::table.filter(memberships::id.eq(membership.0)))
        .set(memberships::role.eq(role.as_str()))
        .execute(conn)?;
    Ok(())
}
