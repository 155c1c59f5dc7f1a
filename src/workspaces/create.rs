//! Creates a workspace.

use crate::accounts::model::User;
use crate::audit::actor::Actor;
use crate::audit::event::{Event, EventKind};
use crate::base::client_info::ClientInfo;
use crate::db::{DbConnection, DbError};
use crate::workspaces::members::{AddMemberError, add_member};
use crate::workspaces::model::{Membership, NewWorkspace, Role, Slug, Workspace};
use crate::workspaces::store;

/// The reason a workspace was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateWorkspaceError {
    /// The user is not an administrator of any workspace.
    #[error("only administrators can create a workspace")]
    NotAllowed,
    /// Another workspace has the slug.
    #[error("a workspace with the slug {0} already exists")]
    SlugTaken(Slug),
    #[error("{0}")]
    Db(#[from] DbError),
}

/// Adds a workspace inside the caller's transaction and records the event. It has no members yet.
pub fn add_workspace(
    conn: &mut DbConnection,
    new: &NewWorkspace,
    actor: &Actor,
) -> Result<Workspace, CreateWorkspaceError> {
    let is_taken =
        |conn: &mut DbConnection, slug: &Slug| store::workspace_by_slug(conn, slug).map(|found| found.is_some());
    let slug = match &new.slug {
        Some(slug) if is_taken(conn, slug)? => return Err(CreateWorkspaceError::SlugTaken(slug.clone())),
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
        DbError::UniqueViolation(_) => CreateWorkspaceError::SlugTaken(slug.clone()),
        other => other.into(),
    })?;
    Event {
        workspace: Some(&new.uuid),
        detail: Some(new.profile.kind.as_str()),
        ..actor.event(EventKind::WorkspaceCreated)
    }
    .record(conn)?;
    Ok(Workspace { key, uuid: new.uuid, slug, profile: new.profile.clone() })
}

/// Returns whether a user with these memberships can create a workspace: an administrator of any workspace can.
#[must_use]
pub fn can_create(memberships: &[Membership]) -> bool {
    memberships.iter().any(|membership| membership.role.is_admin())
}

/// Adds a workspace inside the caller's transaction, with `creator` as its administrator.
pub fn create_as_admin(
    conn: &mut DbConnection,
    new: &NewWorkspace,
    creator: &User,
    client: ClientInfo,
) -> Result<Workspace, CreateWorkspaceError> {
    // The memberships are read again: the user may have been demoted since the request began.
    if !can_create(&store::list_memberships(conn, creator.key)?) {
        return Err(CreateWorkspaceError::NotAllowed);
    }
    let actor = creator.actor(client, new.at);
    let workspace = add_workspace(conn, new, &actor)?;
    let added = add_member(conn, &workspace, creator, Role::Administrator, &actor);
    added.map_err(|error| match error {
        AddMemberError::Db(error) => CreateWorkspaceError::Db(error),
        AddMemberError::IsMember(_) => DbError::Query("a new workspace has a member".to_owned()).into(),
    })?;
    Ok(workspace)
}
