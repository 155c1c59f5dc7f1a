//! Queries of invitations.

use diesel::prelude::*;

use crate::accounts::one_time_links::store::{LINK, LinkRow};
use crate::accounts::one_time_links::{Link, Purpose};
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::db::ids::WorkspaceId;
use crate::db::schema::{memberships, one_time_links as links, users};
use crate::db::{DbConnection, DbError};
use crate::members::invitations::OpenInvitation;
use crate::workspaces::profile::Role;

/// Returns whether the user is an administrator of the workspace by a membership that existed at `since`. A new
/// membership of the same user does not make an old invitation valid.
pub(crate) fn is_inviter(
    conn: &mut DbConnection,
    workspace: WorkspaceId,
    user: &PublicId,
    since: Timestamp,
) -> Result<bool, DbError> {
    let host = memberships::table
        .inner_join(users::table)
        .filter(memberships::workspace_id.eq(workspace.0))
        .filter(memberships::role.eq(Role::Administrator.as_str()))
        .filter(memberships::removed_at.is_null())
        .filter(memberships::created_at.le(since.micros()))
        .filter(users::uuid.eq(user.as_str()))
        .filter(users::is_active.eq(true));
    Ok(diesel::select(diesel::dsl::exists(host)).get_result(conn)?)
}

/// Lists the valid invitations to a workspace, the newest first.
pub(crate) fn open(
    conn: &mut DbConnection,
    workspace: WorkspaceId,
    uuid: &PublicId,
    now: Timestamp,
) -> Result<Vec<OpenInvitation>, DbError> {
    let rows = links::table
        .filter(links::workspace.eq(uuid.as_str()))
        .filter(links::purpose.eq(Purpose::Invitation.as_str()))
        .filter(links::used_at.is_null())
        .filter(links::expires_at.gt(now.micros()))
        .order((links::created_at.desc(), links::uuid.desc()))
        .select(LINK)
        .load::<LinkRow>(conn)?;
    let hosts = memberships::table
        .inner_join(users::table)
        .filter(memberships::workspace_id.eq(workspace.0))
        .filter(memberships::role.eq(Role::Administrator.as_str()))
        .filter(memberships::removed_at.is_null())
        .filter(users::is_active.eq(true))
        .select((users::uuid, users::email, memberships::created_at))
        .load::<(PublicId, String, Timestamp)>(conn)?;
    let host_of = |link: &Link| {
        let host = hosts.iter().find(|(uuid, _, since)| Some(*uuid) == link.created_by && *since <= link.created_at);
        host.map(|(_, email, _)| email.clone())
    };
    Ok(rows
        .into_iter()
        .map(Link::from)
        .filter_map(|link| host_of(&link).map(|host| OpenInvitation { link, host }))
        .collect())
}

/// Deletes the open invitations to a workspace that this user created.
pub(in crate::members) fn delete_of(
    conn: &mut DbConnection,
    workspace: &PublicId,
    host: &PublicId,
) -> Result<(), DbError> {
    let invitations = links::table
        .filter(links::workspace.eq(workspace.as_str()))
        .filter(links::created_by.eq(host.as_str()))
        .filter(links::purpose.eq(Purpose::Invitation.as_str()))
        .filter(links::used_at.is_null());
    diesel::delete(invitations).execute(conn)?;
    Ok(())
}

/// Deletes an open invitation to a workspace. Returns `false` if it does not exist.
pub(crate) fn delete_open(conn: &mut DbConnection, workspace: &PublicId, uuid: &PublicId) -> Result<bool, DbError> {
    let open = links::table
        .filter(links::workspace.eq(workspace.as_str()))
        .filter(links::uuid.eq(uuid.as_str()))
        .filter(links::purpose.eq(Purpose::Invitation.as_str()))
        .filter(links::used_at.is_null());
    Ok(diesel::delete(open).execute(conn)? > 0)
}
