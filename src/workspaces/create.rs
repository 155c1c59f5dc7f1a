//! Creates a workspace.

use crate::accounts::model::User;
use crate::audit::event::{Event, EventKind};
use crate::base::client_info::ClientInfo;
use crate::db::{DbConnection, DbError, FromDb};
use crate::workspaces::members::{AddMemberError, add_member};
use crate::workspaces::model::{Membership, NewWorkspace, Slug, Workspace, WorkspaceActor};
use crate::workspaces::profile::Role;
use crate::workspaces::store;

/// The reason a workspace was not added.
#[derive(Debug, thiserror::Error)]
pub enum AddWorkspaceError {
    /// Another workspace has the slug.
    #[error("there is a workspace with the slug {0} already")]
    SlugTaken(Slug),
    /// A query failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl FromDb for AddWorkspaceError {
    fn as_db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) => Some(error),
            Self::SlugTaken(_) => None,
        }
    }
}

/// Adds a workspace inside the caller's transaction and records the event. It has no members yet.
pub fn add_workspace(
    conn: &mut DbConnection,
    new: &NewWorkspace,
    by: Option<WorkspaceActor<'_>>,
) -> Result<Workspace, AddWorkspaceError> {
    let is_taken =
        |conn: &mut DbConnection, slug: &Slug| store::workspace_by_slug(conn, slug).map(|found| found.is_some());
    let slug = match &new.slug {
        Some(slug) if is_taken(conn, slug)? => return Err(AddWorkspaceError::SlugTaken(slug.clone())),
        Some(slug) => slug.clone(),
        None => {
            let mut nth = 1;
            loop {
                let slug = Slug::for_name(&new.profile.name, nth);
                if !is_taken(conn, &slug)? {
                    break slug;
                }
                nth += 1;
            }
        }
    };
    let key = store::insert_workspace(conn, new, &slug).map_err(|error| match error {
        // The unique index rejected the row: another request took the slug after the check.
        DbError::UniqueViolation(_) => AddWorkspaceError::SlugTaken(slug.clone()),
        other => other.into(),
    })?;
    Event {
        actor: by.map(|by| by.user.as_str()),
        workspace: Some(new.uuid.as_str()),
        client: by.map(|by| by.client),
        detail: Some(new.profile.kind.as_str()),
        ..Event::new(new.at, EventKind::WorkspaceCreated)
    }
    .record(conn)?;
    Ok(Workspace { key, uuid: new.uuid, slug, profile: new.profile.clone() })
}

/// Returns whether a user with these memberships can create a workspace: an administrator of any workspace can.
#[must_use]
pub fn can_create(memberships: &[Membership]) -> bool {
    memberships.iter().any(|membership| membership.role.is_admin())
}

/// The reason a user did not create a workspace.
#[derive(Debug, thiserror::Error)]
pub enum CreateWorkspaceError {
    /// The user is not an administrator of any workspace.
    #[error("only administrators can make a workspace")]
    NotAllowed,
    /// Another workspace has the slug.
    #[error("there is a workspace with the slug {0} already")]
    SlugTaken(Slug),
    /// A query failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl FromDb for CreateWorkspaceError {
    fn as_db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) => Some(error),
            Self::NotAllowed | Self::SlugTaken(_) => None,
        }
    }
}

/// Adds a workspace inside the caller's transaction, with `creator` as its administrator.
pub fn create_as_admin(
    conn: &mut DbConnection,
    new: &NewWorkspace,
    creator: &User,
    client: &ClientInfo,
) -> Result<Workspace, CreateWorkspaceError> {
    // The memberships are read again: the user may have been demoted since the request began.
    if !can_create(&store::list_memberships(conn, creator.key)?) {
        return Err(CreateWorkspaceError::NotAllowed);
    }
    let by = Some(WorkspaceActor { user: &creator.uuid, client });
    let workspace = add_workspace(conn, new, by).map_err(|error| match error {
        AddWorkspaceError::SlugTaken(slug) => CreateWorkspaceError::SlugTaken(slug),
        AddWorkspaceError::Db(error) => error.into(),
    })?;
    let added = add_member(conn, &workspace, creator, Role::Administrator, by, new.at);
    added.map_err(|error| match error {
        AddMemberError::Db(error) => CreateWorkspaceError::Db(error),
        AddMemberError::IsMember(_) => DbError::Query("a new workspace has a member".to_owned()).into(),
    })?;
    Ok(workspace)
}
