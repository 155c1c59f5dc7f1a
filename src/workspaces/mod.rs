//! Where you are: workspaces, and who belongs to which with what role. Knows nothing of tokens.

pub mod extract;
pub mod pages;
pub mod profile;
pub mod setup;
pub mod shell;
pub mod store;

use crate::accounts::User;
use crate::kernel::clock::Timestamp;
use crate::kernel::db::events::{Event, EventKind};
use crate::kernel::db::{Conn, DbError, FromDb};
use crate::kernel::id::Id;
use crate::kernel::rng::CryptoRng;
use crate::kernel::text::Label;
use crate::kernel::web::client::Client;
pub use profile::{Country, DateStyle, Kind, Languages, Profile, Role, Slug, Timezone};
use store::{Membership, WorkspaceKey};

/// What a token gives access to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    pub(crate) key: WorkspaceKey,
    /// The public identifier.
    pub uuid: Id,
    /// The name in URLs; never changes.
    pub slug: Slug,
    /// What people may change about it.
    pub profile: Profile,
}

impl Workspace {
    /// The key under which the database knows it.
    #[must_use]
    pub fn key(&self) -> WorkspaceKey {
        self.key
    }
}

/// A workspace about to be added. Holds everything that is random, so that a transaction may be run again.
#[derive(Debug, Clone)]
pub struct NewWorkspace {
    /// The public identifier.
    pub uuid: Id,
    /// The slug, or `None` for one that follows from the name.
    pub slug: Option<Slug>,
    /// Name, kind and the rest.
    pub profile: Profile,
    /// When.
    pub at: Timestamp,
}

impl NewWorkspace {
    /// A workspace with a fresh identifier.
    #[must_use]
    pub fn new(slug: Option<Slug>, name: Label, kind: Kind, at: Timestamp, rng: &mut impl CryptoRng) -> Self {
        Self { uuid: Id::new(at, rng), slug, profile: Profile::new(name, kind), at }
    }
}

/// Who adds a workspace or a member on a page, and from where. The command line is nobody.
#[derive(Debug, Clone, Copy)]
pub struct By<'a> {
    /// Who.
    pub user: &'a Id,
    /// From where.
    pub client: &'a Client,
}

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

/// Why nothing was changed about a workspace.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// Who wanted it is no administrator of it any more.
    #[error("not an administrator of this workspace")]
    NotAllowed,
    /// A query failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl FromDb for ChangeError {
    fn as_db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) => Some(error),
            Self::NotAllowed => None,
        }
    }
}

/// Changes what a workspace says of itself inside the caller's transaction. Saying the same again changes nothing.
pub fn change_profile(
    conn: &mut Conn,
    workspace: &Workspace,
    profile: &Profile,
    administrator: &User,
    client: &Client,
    now: Timestamp,
) -> Result<(), ChangeError> {
    store::lock_workspace(conn, workspace.key)?;
    // Both as they are now: somebody else may have changed the person's role, or the workspace, since the request began.
    match store::present_membership(conn, workspace.key, administrator.key)? {
        Some((_, role)) if role.administrates() => {}
        Some(_) | None => return Err(ChangeError::NotAllowed),
    }
    let before = store::workspace_by_uuid(conn, &workspace.uuid)?.ok_or(ChangeError::NotAllowed)?.profile;
    if before == *profile {
        return Ok(());
    }
    store::update_profile(conn, workspace.key, profile)?;
    Event {
        actor: Some(administrator.uuid.as_str()),
        workspace: Some(workspace.uuid.as_str()),
        client: Some(client),
        detail: Some(&profile.differences(&before)),
        ..Event::new(now, EventKind::WorkspaceChanged)
    }
    .record(conn)?;
    Ok(())
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

/// Why somebody did not become a member.
#[derive(Debug, thiserror::Error)]
pub enum AddMemberError {
    /// They are one, with this role.
    #[error("they are a member already, as {0}")]
    IsMember(Role),
    /// A query failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl FromDb for AddMemberError {
    fn as_db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) => Some(error),
            Self::IsMember(_) => None,
        }
    }
}

/// Makes a user a member inside the caller's transaction. Coming back opens a new membership: nothing revives.
pub fn add_member(
    conn: &mut Conn,
    workspace: &Workspace,
    user: &User,
    role: Role,
    by: Option<By<'_>>,
    now: Timestamp,
) -> Result<(), AddMemberError> {
    store::lock_workspace(conn, workspace.key)?;
    if let Some((_, present)) = store::present_membership(conn, workspace.key, user.key)? {
        return Err(AddMemberError::IsMember(present));
    }
    store::insert_membership(conn, workspace.key, user.key, role, now)?;
    Event {
        actor: by.map(|by| by.user.as_str()),
        subject: Some(user.uuid.as_str()),
        workspace: Some(workspace.uuid.as_str()),
        client: by.map(|by| by.client),
        detail: Some(role.as_str()),
        ..Event::new(now, EventKind::MemberAdded)
    }
    .record(conn)?;
    Ok(())
}
