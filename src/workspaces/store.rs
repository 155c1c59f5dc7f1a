//! Queries of workspaces and memberships. No access checks: the callers do them.

use std::collections::HashMap;

use diesel::prelude::*;

use crate::accounts::model::User;
use crate::accounts::store::USER;
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::base::text::DisplayName;
use crate::db::ids::{MembershipId, UserId, WorkspaceId};
use crate::db::schema::{memberships, users, workspaces};
use crate::db::{DbConnection, DbError};
use crate::workspaces::model::{Membership, NewWorkspace, Role, Slug, Workspace};
use crate::workspaces::profile::{Country, DateStyle, Languages, Profile, Timezone, WorkspaceKind};

crate::impl_text_column!(Country, DateStyle, WorkspaceKind, Role, Slug, Timezone);
crate::impl_text_column!(Languages = Languages::from_stored);

crate::impl_select! {
    /// The columns of a [`Workspace`].
    WORKSPACE: Workspace {
        key: WorkspaceId = workspaces::id,
        uuid: PublicId = workspaces::uuid,
        slug: Slug = workspaces::slug,
        name: DisplayName = workspaces::name,
        kind: WorkspaceKind = workspaces::kind,
        country: Country = workspaces::country,
        languages: Languages = workspaces::languages,
        timezone: Timezone = workspaces::timezone,
        date_style: DateStyle = workspaces::date_style,
    } => Self { key, uuid, slug, profile: Profile { name, kind, country, languages, timezone, date_style } }
}

crate::impl_select! {
    /// The columns of a [`Membership`].
    MEMBERSHIP: Membership {
        key: MembershipId = memberships::id,
        role: Role = memberships::role,
        last_opened_at: Timestamp = memberships::last_opened_at,
        checklist_hidden_at: Option<Timestamp> = memberships::checklist_hidden_at,
        workspace: Workspace = WORKSPACE,
    } => Self { key, role, last_opened_at, is_checklist_hidden: checklist_hidden_at.is_some(), workspace }
}

/// Returns `true` if there is more than one workspace.
pub(crate) fn has_several(conn: &mut DbConnection) -> Result<bool, DbError> {
    Ok(workspaces::table.select(workspaces::id).limit(2).load::<i64>(conn)?.len() > 1)
}

/// Returns the number of workspaces.
pub(crate) fn count_workspaces(conn: &mut DbConnection) -> Result<i64, DbError> {
    Ok(workspaces::table.count().get_result(conn)?)
}

/// Lists the active memberships of a user, by the name of the workspace.
pub(crate) fn list_memberships(conn: &mut DbConnection, user: UserId) -> Result<Vec<Membership>, DbError> {
    Ok(memberships::table
        .inner_join(workspaces::table)
        .filter(memberships::user_id.eq(user.0))
        .filter(memberships::removed_at.is_null())
        .order((workspaces::name, workspaces::id))
        .select(MEMBERSHIP)
        .load(conn)?)
}

pub(crate) fn touch_last_opened(
    conn: &mut DbConnection,
    membership: MembershipId,
    now: Timestamp,
) -> Result<(), DbError> {
    diesel::update(memberships::table.filter(memberships::id.eq(membership.0)))
        .set(memberships::last_opened_at.eq(now.micros()))
        .execute(conn)?;
    Ok(())
}

pub(crate) fn hide_checklist(conn: &mut DbConnection, membership: MembershipId, now: Timestamp) -> Result<(), DbError> {
    diesel::update(memberships::table.filter(memberships::id.eq(membership.0)))
        .set(memberships::checklist_hidden_at.eq(now.micros()))
        .execute(conn)?;
    Ok(())
}

/// Returns whether a workspace has more than one active member.
pub(crate) fn has_several_members(conn: &mut DbConnection, workspace: WorkspaceId) -> Result<bool, DbError> {
    let members =
        memberships::table.filter(memberships::workspace_id.eq(workspace.0)).filter(memberships::removed_at.is_null());
    Ok(members.select(memberships::id).limit(2).load::<i64>(conn)?.len() > 1)
}

/// Finds a workspace by its slug.
pub fn workspace_by_slug(conn: &mut DbConnection, slug: &Slug) -> Result<Option<Workspace>, DbError> {
    let row = workspaces::table.filter(workspaces::slug.eq(slug.as_str())).select(WORKSPACE);
    Ok(row.get_result(conn).optional()?)
}

/// Finds a workspace by its public identifier.
pub fn workspace_by_uuid(conn: &mut DbConnection, uuid: &PublicId) -> Result<Option<Workspace>, DbError> {
    let row = workspaces::table.filter(workspaces::uuid.eq(uuid.as_str())).select(WORKSPACE);
    Ok(row.get_result(conn).optional()?)
}

/// Lists all workspaces by slug, each with its number of active members.
pub fn workspaces(conn: &mut DbConnection) -> Result<Vec<(Workspace, i64)>, DbError> {
    let all = workspaces::table.order(workspaces::slug).select(WORKSPACE).load::<Workspace>(conn)?;
    let counts = memberships::table
        .filter(memberships::removed_at.is_null())
        .group_by(memberships::workspace_id)
        .select((memberships::workspace_id, diesel::dsl::count(memberships::id)))
        .load::<(WorkspaceId, i64)>(conn)?;
    let counts: HashMap<WorkspaceId, i64> = counts.into_iter().collect();
    let with_count = |workspace: Workspace| {
        let members = counts.get(&workspace.key).copied().unwrap_or_default();
        (workspace, members)
    };
    Ok(all.into_iter().map(with_count).collect())
}

pub(crate) fn insert_workspace(
    conn: &mut DbConnection,
    new: &NewWorkspace,
    slug: &Slug,
) -> Result<WorkspaceId, DbError> {
    let Profile { name, kind, country, languages, timezone, date_style } = &new.profile;
    Ok(diesel::insert_into(workspaces::table)
        .values((
            workspaces::uuid.eq(new.uuid.as_str()),
            workspaces::slug.eq(slug.as_str()),
            workspaces::name.eq(name.as_str()),
            workspaces::kind.eq(kind.as_str()),
            workspaces::country.eq(country.as_str()),
            workspaces::languages.eq(languages.as_str()),
            workspaces::timezone.eq(timezone.as_str()),
            workspaces::date_style.eq(date_style.as_str()),
            workspaces::created_at.eq(new.at.micros()),
        ))
        .returning(workspaces::id)
        .get_result(conn)?)
}

pub(crate) fn update_profile(
    conn: &mut DbConnection,
    workspace: WorkspaceId,
    profile: &Profile,
) -> Result<(), DbError> {
    let Profile { name, kind, country, languages, timezone, date_style } = profile;
    diesel::update(workspaces::table.filter(workspaces::id.eq(workspace.0)))
        .set((
            workspaces::name.eq(name.as_str()),
            workspaces::kind.eq(kind.as_str()),
            workspaces::country.eq(country.as_str()),
            workspaces::languages.eq(languages.as_str()),
            workspaces::timezone.eq(timezone.as_str()),
            workspaces::date_style.eq(date_style.as_str()),
        ))
        .execute(conn)?;
    Ok(())
}

/// Locks a workspace's row until the end of the transaction. Every change of its members takes this lock.
pub fn lock_workspace(conn: &mut DbConnection, workspace: WorkspaceId) -> Result<(), DbError> {
    diesel::update(workspaces::table.filter(workspaces::id.eq(workspace.0)))
        .set(workspaces::slug.eq(workspaces::slug))
        .execute(conn)?;
    Ok(())
}

/// Finds the role of a user in a workspace; `None` if they are not a member.
pub(crate) fn find_role(
    conn: &mut DbConnection,
    workspace: WorkspaceId,
    user: &PublicId,
) -> Result<Option<Role>, DbError> {
    Ok(memberships::table
        .inner_join(users::table)
        .filter(memberships::workspace_id.eq(workspace.0))
        .filter(users::uuid.eq(user.as_str()))
        .filter(memberships::removed_at.is_null())
        .select(memberships::role)
        .get_result(conn)
        .optional()?)
}

/// Locks a membership's row until the end of the transaction and returns its current role, or `None` if it has ended.
/// Every change of its tokens takes this lock.
pub fn lock_membership(conn: &mut DbConnection, membership: MembershipId) -> Result<Option<Role>, DbError> {
    let active = memberships::table.filter(memberships::id.eq(membership.0)).filter(memberships::removed_at.is_null());
    Ok(diesel::update(active)
        .set(memberships::role.eq(memberships::role))
        .returning(memberships::role)
        .get_result(conn)
        .optional()?)
}

/// Lists the active members of a workspace with this role, by email address.
pub fn members_with_role(conn: &mut DbConnection, workspace: WorkspaceId, role: Role) -> Result<Vec<User>, DbError> {
    Ok(memberships::table
        .inner_join(users::table)
        .filter(memberships::workspace_id.eq(workspace.0))
        .filter(memberships::role.eq(role.as_str()))
        .filter(memberships::removed_at.is_null())
        .order(users::email_key)
        .select(USER)
        .load(conn)?)
}

/// An active member of a workspace whose account is active.
#[derive(Queryable)]
pub(crate) struct MemberRow {
    pub user: User,
    pub role: Role,
    /// The time the user was added to this server.
    pub created_at: Timestamp,
}

/// The direction of a page of members relative to a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageDirection {
    /// Users added earlier.
    Older,
    /// Users added later.
    Newer,
}

impl PageDirection {
    /// Returns the opposite direction.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Older => Self::Newer,
            Self::Newer => Self::Older,
        }
    }
}

/// Lists at most `limit` active members with an active account, the nearest to the cursor first. Without a cursor,
/// lists the newest.
pub(crate) fn list_members_page(
    conn: &mut DbConnection,
    workspace: WorkspaceId,
    cursor: Option<(PageDirection, Timestamp, &PublicId)>,
    limit: usize,
) -> Result<Vec<MemberRow>, DbError> {
    let members = memberships::table
        .inner_join(users::table)
        .filter(memberships::workspace_id.eq(workspace.0))
        .filter(memberships::removed_at.is_null())
        .filter(users::is_active.eq(true));
    let columns = (USER, memberships::role, users::created_at);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    Ok(match cursor {
        Some((PageDirection::Newer, at, uuid)) => {
            let same = users::created_at.eq(at.micros()).and(users::uuid.gt(uuid.as_str()));
            members
                .filter(users::created_at.gt(at.micros()).or(same))
                .order((users::created_at, users::uuid))
                .limit(limit)
                .select(columns)
                .load(conn)?
        }
        Some((PageDirection::Older, at, uuid)) => {
            let same = users::created_at.eq(at.micros()).and(users::uuid.lt(uuid.as_str()));
            members
                .filter(users::created_at.lt(at.micros()).or(same))
                .order((users::created_at.desc(), users::uuid.desc()))
                .limit(limit)
                .select(columns)
                .load(conn)?
        }
        None => {
            members.order((users::created_at.desc(), users::uuid.desc())).limit(limit).select(columns).load(conn)?
        }
    })
}

pub(crate) fn insert_membership(
    conn: &mut DbConnection,
    workspace: WorkspaceId,
    user: UserId,
    role: Role,
    now: Timestamp,
) -> Result<(), DbError> {
    diesel::insert_into(memberships::table)
        .values((
            memberships::user_id.eq(user.0),
            memberships::workspace_id.eq(workspace.0),
            memberships::role.eq(role.as_str()),
            memberships::created_at.eq(now.micros()),
            memberships::last_opened_at.eq(now.micros()),
        ))
        .execute(conn)?;
    Ok(())
}

/// Ends a membership. The caller must delete its tokens in the same transaction.
pub fn end_membership(conn: &mut DbConnection, membership: MembershipId, now: Timestamp) -> Result<(), DbError> {
    diesel::update(memberships::table.filter(memberships::id.eq(membership.0)))
        .set(memberships::removed_at.eq(now.micros()))
        .execute(conn)?;
    Ok(())
}
