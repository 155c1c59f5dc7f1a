//! Create a workspace.

use crate::accounts::model::User;
use crate::audit::event::{Event, EventKind};
use crate::base::client_info::Client;
use crate::db::{Conn, DbError, FromDb};
use crate::workspaces::members::{AddMemberError, add_member};
use crate::workspaces::model::{By, Membership, NewWorkspace, Slug, Workspace};
use crate::workspaces::profile::Role;
use crate::workspaces::store;

/// Why there is no new workspace.
#[derive(Debug, thiserror::Error)]
pub enum AddWorkspaceError {
    /// The slug is another's.
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

/// Adds a workspace inside the caller's transaction.
pub fn add_workspace(conn: &mut Conn, new: &NewWorkspace, by: Option<By<'_>>) -> Result<Workspace, AddWorkspaceError> {
    let taken = |conn: &mut Conn, slug: &Slug| store::workspace_by_slug(conn, slug).map(|found| found.is_some());
    let slug = match &new.slug {
        Some(slug) if taken(conn, slug)? => return Err(AddWorkspaceError::SlugTaken(slug.clone())),
        Some(slug) => slug.clone(),
        None => {
            let mut nth = 1;
            loop {
                let slug = Slug::for_name(&new.profile.name, nth);
                if !taken(conn, &slug)? {
                    break slug;
                }
                nth += 1;
            }
        }
    };
    let key = store::insert_workspace(conn, new, &slug).map_err(|error| match error {
        // Somebody else took it since: the index is the judge.
        DbError::Taken(_) => AddWorkspaceError::SlugTaken(slug.clone()),
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

/// Who has the care of a workspace may make another.
#[must_use]
pub fn may_found(memberships: &[Membership]) -> bool {
    memberships.iter().any(|membership| membership.role.administrates())
}

/// Why somebody made no workspace of their own.
#[derive(Debug, thiserror::Error)]
pub enum FoundError {
    /// They administrate none.
    #[error("only administrators can make a workspace")]
    NotAllowed,
    /// The slug is another's.
    #[error("there is a workspace with the slug {0} already")]
    SlugTaken(Slug),
    /// A query failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl FromDb for FoundError {
    fn as_db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) => Some(error),
            Self::NotAllowed | Self::SlugTaken(_) => None,
        }
    }
}

/// Adds a workspace inside the caller's transaction, and makes `founder` its administrator.
pub fn found(conn: &mut Conn, new: &NewWorkspace, founder: &User, client: &Client) -> Result<Workspace, FoundError> {
    // As it is now: whoever was demoted since the request began founds nothing.
    if !may_found(&store::memberships_of(conn, founder.key)?) {
        return Err(FoundError::NotAllowed);
    }
    let by = Some(By { user: &founder.uuid, client });
    let workspace = add_workspace(conn, new, by).map_err(|error| match error {
        AddWorkspaceError::SlugTaken(slug) => FoundError::SlugTaken(slug),
        AddWorkspaceError::Db(error) => error.into(),
    })?;
    let joined = add_member(conn, &workspace, founder, Role::Administrator, by, new.at);
    joined.map_err(|error| match error {
        AddMemberError::Db(error) => FoundError::Db(error),
        AddMemberError::IsMember(_) => DbError::Failed("a new workspace has a member".to_owned()).into(),
    })?;
    Ok(workspace)
}
