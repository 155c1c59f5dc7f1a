//! Queries of workspaces and memberships. No access checks: the callers do them.

use diesel::prelude::*;

use crate::accounts::model::User;
use crate::accounts::store::{USER, UserRow};
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::base::text::DisplayName;
use crate::db::ids::{MembershipId, UserId, WorkspaceId};
use crate::db::schema::{memberships, users, workspaces};
use crate::db::{DbConnection, DbError};
use crate::workspaces::model::{Membership, NewWorkspace, Slug, Workspace};
use crate::workspaces::profile::{Country, DateStyle, Languages, Profile, Role, Timezone, WorkspaceKind};

crate::text_column!(Country, DateStyle, WorkspaceKind, Languages, Role, Slug, Timezone);

crate::columns! {
    /// The columns of a [`Workspace`], in the order of [`WorkspaceRow`].
    WORKSPACE: WorkspaceColumns = (
        workspaces::id,
        workspaces::uuid,
        workspaces::slug,
        workspaces::name,
        workspaces::kind,
        workspaces::country,
        workspaces::languages,
        workspaces::timezone,
        workspaces::date_style,
    )
}

/// The row of a [`Workspace`].
pub(crate) type WorkspaceRow =
    (i64, PublicId, Slug, DisplayName, WorkspaceKind, Country, Languages, Timezone, DateStyle);

impl From<WorkspaceRow> for Workspace {
    fn from((key, uuid, slug, name, kind, country, languages, timezone, date_style): WorkspaceRow) -> Self {
        Self {
            key: WorkspaceId(key),
            uuid,
            slug,
            profile: Profile { name, kind, country, languages, timezone, date_style },
        }
    }
}

/// Lists the active memberships of a user, by the name of the workspace.
pub(crate) fn list_memberships(conn: &mut DbConnection, user: UserId) -> Result<Vec<Membership>, DbError> {
    let rows = memberships::table
        .inner_join(workspaces::table)
        .filter(memberships::user_id.eq(user.0))
        .filter(memberships::removed_at.is_null())
        .order((workspaces::name, workspaces::id))
        .select((memberships::id, memberships::role, memberships::last_opened_at, WORKSPACE))
        .load::<(i64, Role, Timestamp, WorkspaceRow)>(conn)?;
    Ok(rows
        .into_iter()
        .map(|(key, role, last_opened_at, workspace)| Membership {
            key: MembershipId(key),
            role,
            last_opened_at,
            workspace: workspace.into(),
        })
        .collect())
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

/// Finds a workspace by its slug.
pub fn workspace_by_slug(conn: &mut DbConnection, slug: &Slug) -> Result<Option<Workspace>, DbError> {
    let row = workspaces::table
        .filter(workspaces::slug.eq(slug.as_str()))
        .select(WORKSPACE)
        .get_result::<WorkspaceRow>(conn)
        .optional()?;
    Ok(row.map(Workspace::from))
}

/// Finds a workspace by its public identifier.
pub fn workspace_by_uuid(conn: &mut DbConnection, uuid: &PublicId) -> Result<Option<Workspace>, DbError> {
    let row = workspaces::table
        .filter(workspaces::uuid.eq(uuid.as_str()))
        .select(WORKSPACE)
        .get_result::<WorkspaceRow>(conn)
        .optional()?;
    Ok(row.map(Workspace::from))
}

/// Lists all workspaces by slug, each with its number of active members.
pub fn workspaces(conn: &mut DbConnection) -> Result<Vec<(Workspace, i64)>, DbError> {
    let rows = workspaces::table.order(workspaces::slug).select(WORKSPACE).load::<WorkspaceRow>(conn)?;
    let counts = memberships::table
        .filter(memberships::removed_at.is_null())
        .group_by(memberships::workspace_id)
        .select((memberships::workspace_id, diesel::dsl::count(memberships::id)))
        .load::<(i64, i64)>(conn)?;
    let count = |key: i64| counts.iter().find(|(workspace, _)| *workspace == key).map_or(0, |(_, count)| *count);
    Ok(rows.into_iter().map(|row| (row.0, row)).map(|(key, row)| (row.into(), count(key))).collect())
}

pub(crate) fn insert_workspace(
    conn: &mut DbConnection,
    new: &NewWorkspace,
    slug: &Slug,
) -> Result<WorkspaceId, DbError> {
    let Profile { name, kind, country, languages, timezone, date_style } = &new.profile;
    let key = diesel::insert_into(workspaces::table)
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
        .get_result(conn)?;
    Ok(WorkspaceId(key))
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

/// Finds the active membership of a user in a workspace, with its role.
pub fn find_active_membership(
    conn: &mut DbConnection,
    workspace: WorkspaceId,
    user: UserId,
) -> Result<Option<(MembershipId, Role)>, DbError> {
    let row = memberships::table
        .filter(memberships::workspace_id.eq(workspace.0))
        .filter(memberships::user_id.eq(user.0))
        .filter(memberships::removed_at.is_null())
        .select((memberships::id, memberships::role))
        .get_result::<(i64, Role)>(conn)
        .optional()?;
    Ok(row.map(|(key, role)| (MembershipId(key), role)))
}

/// Locks a membership's row until the end of the transaction and returns its current role, or `None` if it has ended.
/// Every change of its tokens takes this lock.
pub fn lock_membership(conn: &mut DbConnection, membership: MembershipId) -> Result<Option<Role>, DbError> {
    let active = memberships::table.filter(memberships::id.eq(membership.0)).filter(memberships::removed_at.is_null());
    let role = diesel::update(active)
        .set(memberships::role.eq(memberships::role))
        .returning(memberships::role)
        .get_result::<Role>(conn)
        .optional()?;
    Ok(role)
}

/// Lists the active members of a workspace with this role, by email address.
pub fn members_with_role(conn: &mut DbConnection, workspace: WorkspaceId, role: Role) -> Result<Vec<User>, DbError> {
    let rows = memberships::table
        .inner_join(users::table)
        .filter(memberships::workspace_id.eq(workspace.0))
        .filter(memberships::role.eq(role.as_str()))
        .filter(memberships::removed_at.is_null())
        .order(users::email_key)
        .select(USER)
        .load::<UserRow>(conn)?;
    Ok(rows.into_iter().map(User::from).collect())
}

/// An active member of a workspace whose account is active.
#[derive(Debug, Clone)]
pub struct MemberRow {
    /// The user.
    pub user: User,
    /// The member's role.
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
pub fn list_members_page(
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
    let rows =
        match cursor {
            Some((PageDirection::Newer, at, uuid)) => {
                let same = users::created_at.eq(at.micros()).and(users::uuid.gt(uuid.as_str()));
                members
                    .filter(users::created_at.gt(at.micros()).or(same))
                    .order((users::created_at, users::uuid))
                    .limit(limit)
                    .select(columns)
                    .load::<(UserRow, Role, Timestamp)>(conn)?
            }
            Some((PageDirection::Older, at, uuid)) => {
                let same = users::created_at.eq(at.micros()).and(users::uuid.lt(uuid.as_str()));
                members
                    .filter(users::created_at.lt(at.micros()).or(same))
                    .order((users::created_at.desc(), users::uuid.desc()))
                    .limit(limit)
                    .select(columns)
                    .load::<(UserRow, Role, Timestamp)>(conn)?
            }
            None => members
                .order((users::created_at.desc(), users::uuid.desc()))
                .limit(limit)
                .select(columns)
                .load::<(UserRow, Role, Timestamp)>(conn)?,
        };
    Ok(rows.into_iter().map(|(user, role, created_at)| MemberRow { user: user.into(), role, created_at }).collect())
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
