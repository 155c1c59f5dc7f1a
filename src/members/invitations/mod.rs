//! Invitations: an administrator creates a one-time link, and the person who accepts it becomes a member with the
//! link's role. Latchkey sends no email; the administrator passes the link on.

pub mod accept;
pub mod pages;
pub mod store;

use crate::accounts::create::{AddUserError, add_user};
use crate::accounts::model::{NewUser, User};
use crate::accounts::one_time_links::{self, CodeDigest, Link, LinkDetails, NewLink, OneTimeCode, Purpose};
use crate::audit::event::{Event, EventKind};
use crate::base::client_info::ClientInfo;
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::base::random::CryptoRng;
use crate::base::text::DisplayName;
use crate::db::{DbConnection, DbError, FromDb};
use crate::tokens::model::IdempotencyKey;
use crate::workspaces::members::{AddMemberError, add_member};
use crate::workspaces::model::{Workspace, WorkspaceActor};
use crate::workspaces::profile::Role;
use crate::workspaces::store::{find_active_membership, lock_workspace, workspace_by_uuid};

/// The administrator who creates or revokes invitations, with workspace, client and time.
#[derive(Debug, Clone)]
pub struct Inviter {
    /// The user.
    pub user: User,
    /// The workspace.
    pub workspace: Workspace,
    /// The client of the request.
    pub client: ClientInfo,
    /// The time of the request.
    pub at: Timestamp,
}

impl Inviter {
    /// Locks the workspace's row and checks that the user is an administrator now.
    fn lock_and_check(&self, conn: &mut DbConnection) -> Result<(), InviteError> {
        lock_workspace(conn, self.workspace.key())?;
        match find_active_membership(conn, self.workspace.key(), self.user.key())? {
            Some((_, role)) if role.is_admin() => Ok(()),
            Some(_) | None => Err(InviteError::NotAllowed),
        }
    }

    fn record(&self, conn: &mut DbConnection, kind: EventKind, detail: &str) -> Result<(), DbError> {
        let event = Event {
            actor: Some(self.user.uuid.as_str()),
            workspace: Some(self.workspace.uuid.as_str()),
            client: Some(&self.client),
            detail: Some(detail),
            ..Event::new(self.at, kind)
        };
        event.record(conn)
    }
}

/// The reason an invitation was not created or revoked.
#[derive(Debug, thiserror::Error)]
pub enum InviteError {
    /// The user is no longer an administrator of the workspace.
    #[error("not an administrator of this workspace")]
    NotAllowed,
    /// An invitation with the form's idempotency key exists.
    #[error("this form was sent before")]
    AlreadyMade,
    /// A query failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl FromDb for InviteError {
    fn as_db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) => Some(error),
            Self::NotAllowed | Self::AlreadyMade => None,
        }
    }
}

/// Builds an invitation to insert. `code` accepts it.
pub fn new_invitation(
    code: &OneTimeCode,
    inviter: &Inviter,
    role: Role,
    note: Option<DisplayName>,
    form_key: &IdempotencyKey,
    rng: &mut impl CryptoRng,
) -> NewLink {
    let about = LinkDetails {
        workspace: Some(inviter.workspace.uuid),
        role: Some(role.as_str()),
        note,
        created_by: Some(inviter.user.uuid),
        form_key: Some(form_key.as_str().to_owned()),
        user: None,
    };
    NewLink::new(code, Purpose::Invitation, about, inviter.at, rng)
}

/// Inserts an invitation inside the caller's transaction and records the event.
pub fn invite(conn: &mut DbConnection, inviter: &Inviter, new: &NewLink) -> Result<(), InviteError> {
    inviter.lock_and_check(conn)?;
    one_time_links::store::insert(conn, new).map_err(|error| match error {
        // The form's key is the only unique column with a value that is not random.
        DbError::UniqueViolation(_) => InviteError::AlreadyMade,
        other => other.into(),
    })?;
    let detail = format!("invitation {} as {}", new.uuid, new.about.role.unwrap_or_default());
    Ok(inviter.record(conn, EventKind::InvitationMade, &detail)?)
}

/// Revokes an open invitation inside the caller's transaction. Returns `false` if the workspace has no such open
/// invitation.
pub fn revoke(conn: &mut DbConnection, inviter: &Inviter, uuid: &PublicId) -> Result<bool, InviteError> {
    inviter.lock_and_check(conn)?;
    if !store::delete_open(conn, &inviter.workspace.uuid, uuid)? {
        return Ok(false);
    }
    inviter.record(conn, EventKind::InvitationRevoked, &format!("invitation {uuid}"))?;
    Ok(true)
}

/// The reason an invitation was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The link is unknown, used, revoked or expired, or its creator is no longer an administrator. The cases are not
    /// distinguished, so that the response reveals nothing about the code.
    #[error("the invitation does not work")]
    DeadLink,
    /// The user already is a member, with this role. The invitation stays open.
    #[error("they are a member already, as {0}")]
    IsMember(Role),
    /// The email address belongs to an existing account.
    #[error("there is a user with this e-mail address already")]
    EmailTaken,
    /// A query failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl FromDb for JoinError {
    fn as_db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) => Some(error),
            Self::DeadLink | Self::IsMember(_) | Self::EmailTaken => None,
        }
    }
}

/// The workspace and role that an invitation grants.
#[derive(Debug, Clone)]
pub struct InvitationOffer {
    link: PublicId,
    /// The workspace.
    pub workspace: Workspace,
    /// The role.
    pub role: Role,
}

/// Finds the offer of a valid code.
pub fn find(conn: &mut DbConnection, code: &CodeDigest, now: Timestamp) -> Result<InvitationOffer, JoinError> {
    let link = one_time_links::store::find(conn, Purpose::Invitation, code, now)?.ok_or(JoinError::DeadLink)?;
    let (Some(workspace), Some(role), Some(host)) = (link.workspace, &link.role, link.created_by) else {
        return Err(JoinError::DeadLink);
    };
    let workspace = workspace_by_uuid(conn, &workspace)?.ok_or(JoinError::DeadLink)?;
    let role = role.parse().map_err(|_| JoinError::DeadLink)?;
    // An invitation is only valid while its creator is an administrator.
    if !store::is_inviter(conn, workspace.key(), &host, link.created_at)? {
        return Err(JoinError::DeadLink);
    }
    Ok(InvitationOffer { link: link.uuid, workspace, role })
}

/// Returns the user's current role in the offer's workspace, or `None` if they are not a member.
pub fn current_role(conn: &mut DbConnection, offer: &InvitationOffer, user: &User) -> Result<Option<Role>, DbError> {
    let current = find_active_membership(conn, offer.workspace.key(), user.key())?;
    Ok(current.map(|(_, role)| role))
}

/// The user who accepts an invitation.
#[derive(Debug, Clone)]
pub enum Invitee {
    /// A user with an account.
    Existing(User),
    /// A user without an account yet.
    New(Box<NewUser>),
}

/// Adds the invitee as a member inside the caller's transaction, and consumes the invitation. Of two concurrent
/// requests, one succeeds. Returns the user and the accepted offer.
pub fn join(
    conn: &mut DbConnection,
    code: &CodeDigest,
    invitee: &Invitee,
    client: &ClientInfo,
    now: Timestamp,
) -> Result<(User, InvitationOffer), JoinError> {
    let workspace = find(conn, code, now)?.workspace;
    // Every change of members takes this lock, so the results of the queries below stay valid.
    lock_workspace(conn, workspace.key())?;
    let offer = find(conn, code, now)?;
    let user = match invitee {
        Invitee::Existing(user) => match current_role(conn, &offer, user)? {
            Some(role) => return Err(JoinError::IsMember(role)),
            None => user.clone(),
        },
        Invitee::New(new) => add_user(conn, new, Some(client), "invitation").map_err(|error| match error {
            AddUserError::EmailTaken(_) => JoinError::EmailTaken,
            AddUserError::Db(error) => error.into(),
        })?,
    };
    if !one_time_links::store::consume(conn, Purpose::Invitation, code, now)? {
        return Err(JoinError::DeadLink);
    }
    let by = WorkspaceActor { user: &user.uuid, client };
    add_member(conn, &offer.workspace, &user, offer.role, Some(by), now).map_err(|error| match error {
        AddMemberError::IsMember(role) => JoinError::IsMember(role),
        AddMemberError::Db(error) => error.into(),
    })?;
    let detail = format!("invitation {}", offer.link);
    Event {
        actor: Some(user.uuid.as_str()),
        workspace: Some(offer.workspace.uuid.as_str()),
        client: Some(client),
        detail: Some(&detail),
        ..Event::new(now, EventKind::InvitationUsed)
    }
    .record(conn)?;
    Ok((user, offer))
}

/// An open invitation in the list.
#[derive(Debug, Clone)]
pub struct OpenInvitation {
    /// The link.
    pub link: Link,
    /// The email address of the administrator who created it.
    pub host: String,
}
