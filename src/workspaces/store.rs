//! The queries of workspaces.

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

/// A [`Workspace`] as it comes from the database.
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

/// The present memberships of a user, by the workspaces' names.
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

/// The workspace with this slug.
pub fn workspace_by_slug(conn: &mut DbConnection, slug: &Slug) -> Result<Option<Workspace>, DbError> {
    let row = workspaces::table
        .filter(workspaces::slug.eq(slug.as_str()))
        .select(WORKSPACE)
        .get_result::<WorkspaceRow>(conn)
        .optional()?;
    Ok(row.map(Workspace::from))
}

/// The workspace with this identifier.
pub fn workspace_by_uuid(conn: &mut DbConnection, uuid: &PublicId) -> Result<Option<Workspace>, DbError> {
    let row = workspaces::table
        .filter(workspaces::uuid.eq(uuid.as_str()))
        .select(WORKSPACE)
        .get_result::<WorkspaceRow>(conn)
        .optional()?;
    Ok(row.map(Workspace::from))
}

/// Every workspace, by slug, and how many members it has.
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

/// Holds a workspace's row, which everything about its members locks, until the end of the transaction.
pub fn lock_workspace(conn: &mut DbConnection, workspace: WorkspaceId) -> Result<(), DbError> {
    diesel::update(workspaces::table.filter(workspaces::id.eq(workspace.0)))
        .set(workspaces::slug.eq(workspaces::slug))
        .execute(conn)?;
    Ok(())
}

/// The membership that a user has in a workspace now, and its role.
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

/// Locks a membership's row, which everything about its tokens locks, and says what its role is now. `None` if it
/// is over.
pub fn lock_membership(conn: &mut DbConnection, membership: MembershipId) -> Result<Option<Role>, DbError> {
    let present = memberships::table.filter(memberships::id.eq(membership.0)).filter(memberships::removed_at.is_null());
    let role = diesel::update(present)
        .set(memberships::role.eq(memberships::role))
        .returning(memberships::role)
        .get_result::<Role>(conn)
        .optional()?;
    Ok(role)
}

/// The members of a workspace with a role, as users.
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

/// A present member of a workspace whose account is active, as a list shows them.
#[derive(Debug, Clone)]
pub struct MemberRow {
    /// Who.
    pub user: User,
    /// What they may do.
    pub role: Role,
    /// When the user was added to this server.
    pub created_at: Timestamp,
}

/// Which way a list of members goes on from a place in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageDirection {
    /// To users added earlier.
    Older,
    /// To users added later.
    Newer,
}

impl PageDirection {
    /// The way back.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Older => Self::Newer,
            Self::Newer => Self::Older,
        }
    }
}

/// At most `limit` present members with an active account beside a place in the list of all, the nearest first; without a
/// place, the newest.
pub fn list_members_page(
    conn: &mut DbConnection,
    workspace: WorkspaceId,
    place: Option<(PageDirection, Timestamp, &PublicId)>,
    limit: usize,
) -> Result<Vec<MemberRow>, DbError> {
    let present = memberships::table
        .inner_join(users::table)
        .filter(memberships::workspace_id.eq(workspace.0))
        .filter(memberships::removed_at.is_null())
        .filter(users::is_active.eq(true));
    let columns = (USER, memberships::role, users::created_at);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows =
        match place {
            Some((PageDirection::Newer, at, uuid)) => {
                let same = users::created_at.eq(at.micros()).and(users::uuid.gt(uuid.as_str()));
                present
                    .filter(users::created_at.gt(at.micros()).or(same))
                    .order((users::created_at, users::uuid))
                    .limit(limit)
                    .select(columns)
                    .load::<(UserRow, Role, Timestamp)>(conn)?
            }
            Some((PageDirection::Older, at, uuid)) => {
                let same = users::created_at.eq(at.micros()).and(users::uuid.lt(uuid.as_str()));
                present
                    .filter(users::created_at.lt(at.micros()).or(same))
                    .order((users::created_at.desc(), users::uuid.desc()))
                    .limit(limit)
                    .select(columns)
                    .load::<(UserRow, Role, Timestamp)>(conn)?
            }
            None => present
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

/// Ends a membership. Its tokens are the caller's to delete, in the same transaction.
pub fn end_membership(conn: &mut DbConnection, membership: MembershipId, now: Timestamp) -> Result<(), DbError> {
    diesel::update(memberships::table.filter(memberships::id.eq(membership.0)))
        .set(memberships::removed_at.eq(now.micros()))
        .execute(conn)?;
    Ok(())
}
