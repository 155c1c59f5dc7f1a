//! Queries of one member. No access checks: the callers do them.

use diesel::prelude::*;

use crate::accounts::model::User;
use crate::accounts::store::USER;
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::db::ids::MembershipId;
use crate::db::schema::{memberships, users};
use crate::db::{DbConnection, DbError};
use crate::members::model::Member;
use crate::workspaces::model::{Role, Workspace};

crate::impl_select! {
    /// The columns of a [`Member`].
    MEMBER: Member {
        membership: MembershipId = memberships::id,
        user: User = USER,
        role: Role = memberships::role,
        since: Timestamp = memberships::created_at,
        last_seen_at: i64 = memberships::last_seen_at,
    } => {
        let last_seen = (last_seen_at > 0).then(|| Timestamp::from_micros(last_seen_at));
        Self { membership, user, role, since, last_seen }
    }
}

/// Finds the active member of a workspace by the user's public identifier.
pub(super) fn find(conn: &mut DbConnection, workspace: &Workspace, user: &PublicId) -> Result<Option<Member>, DbError> {
    Ok(memberships::table
        .inner_join(users::table)
        .filter(memberships::workspace_id.eq(workspace.key.0))
        .filter(memberships::removed_at.is_null())
        .filter(users::uuid.eq(user.as_str()))
        .select(MEMBER)
        .get_result(conn)
        .optional()?)
}

pub(crate) fn set_role(conn: &mut DbConnection, membership: MembershipId, role: Role) -> Result<(), DbError> {
    diesel::update(memberships::table.filter(memberships::id.eq(membership.0)))
        .set(memberships::role.eq(role.as_str()))
        .execute(conn)?;
    Ok(())
}
