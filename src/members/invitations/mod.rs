//! Invitations: an administrator makes a link, and whoever opens it becomes a member with the role that it gives. Nothing
//! is sent; the administrator hands the link over.

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

/// Who does something to invitations, in which workspace, from where and when.
#[derive(Debug, Clone)]
pub struct Inviter {
    /// Who.
    pub user: User,
    /// Where.
    pub workspace: Workspace,
    /// From where.
    pub client: ClientInfo,
    /// When.
    pub at: Timestamp,
}

impl Inviter {
    /// Locks the workspace's row, and sees to it that this person is its administrator now.
    fn begin(&self, conn: &mut DbConnection) -> Result<(), InviteError> {
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

/// Why there is no invitation.
#[derive(Debug, thiserror::Error)]
pub enum InviteError {
    /// Not an administrator any more.
    #[error("not an administrator of this workspace")]
    NotAllowed,
    /// This form made one before.
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

/// An invitation about to be made, which `code` will open.
pub fn new_invitation(
    code: &OneTimeCode,
    host: &Inviter,
    role: Role,
    note: Option<DisplayName>,
    form_key: &IdempotencyKey,
    rng: &mut impl CryptoRng,
) -> NewLink {
    let about = LinkDetails {
        workspace: Some(host.workspace.uuid),
        role: Some(role.as_str()),
        note,
        created_by: Some(host.user.uuid),
        form_key: Some(form_key.as_str().to_owned()),
        user: None,
    };
    NewLink::new(code, Purpose::Invitation, about, host.at, rng)
}

/// Makes an invitation inside the caller's transaction.
pub fn invite(conn: &mut DbConnection, host: &Inviter, new: &NewLink) -> Result<(), InviteError> {
    host.begin(conn)?;
    one_time_links::store::insert(conn, new).map_err(|error| match error {
        // The form's key is the only thing of it that can be there already.
        DbError::UniqueViolation(_) => InviteError::AlreadyMade,
        other => other.into(),
    })?;
    let detail = format!("invitation {} as {}", new.uuid, new.about.role.unwrap_or_default());
    Ok(host.record(conn, EventKind::InvitationMade, &detail)?)
}

/// Takes an open invitation back inside the caller's transaction; `false` if it is none of this workspace's, or not open
/// any more.
pub fn revoke(conn: &mut DbConnection, host: &Inviter, uuid: &PublicId) -> Result<bool, InviteError> {
    host.begin(conn)?;
    if !store::delete_open(conn, &host.workspace.uuid, uuid)? {
        return Ok(false);
    }
    host.record(conn, EventKind::InvitationRevoked, &format!("invitation {uuid}"))?;
    Ok(true)
}

/// Why nobody joined.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// Unknown, used, revoked, expired, or made by somebody who may not invite any more: one answer for all.
    #[error("the invitation does not work")]
    DeadLink,
    /// They are a member, with this role. The invitation stays open for whom it is for.
    #[error("they are a member already, as {0}")]
    IsMember(Role),
    /// The address is somebody's, who is to sign in.
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

/// What an invitation offers.
#[derive(Debug, Clone)]
pub struct InvitationOffer {
    link: PublicId,
    /// Where.
    pub workspace: Workspace,
    /// As what.
    pub role: Role,
}

/// Finds what a code offers, if it works.
pub fn find(conn: &mut DbConnection, code: &CodeDigest, now: Timestamp) -> Result<InvitationOffer, JoinError> {
    let link = one_time_links::store::find(conn, Purpose::Invitation, code, now)?.ok_or(JoinError::DeadLink)?;
    let (Some(workspace), Some(role), Some(host)) = (link.workspace, &link.role, link.created_by) else {
        return Err(JoinError::DeadLink);
    };
    let workspace = workspace_by_uuid(conn, &workspace)?.ok_or(JoinError::DeadLink)?;
    let role = role.parse().map_err(|_| JoinError::DeadLink)?;
    // Whoever was removed or demoted since must not have left a door open.
    if !store::is_inviter(conn, workspace.key(), &host, link.created_at)? {
        return Err(JoinError::DeadLink);
    }
    Ok(InvitationOffer { link: link.uuid, workspace, role })
}

/// The role that a user has where the offer leads, if they are a member already.
pub fn current_role(conn: &mut DbConnection, offer: &InvitationOffer, user: &User) -> Result<Option<Role>, DbError> {
    let present = find_active_membership(conn, offer.workspace.key(), user.key())?;
    Ok(present.map(|(_, role)| role))
}

/// Somebody about to join.
#[derive(Debug, Clone)]
pub enum Invitee {
    /// Somebody with an account.
    Existing(User),
    /// Somebody new.
    New(Box<NewUser>),
}

/// Makes the guest a member inside the caller's transaction, and uses the invitation up; of two people at the same
/// moment, one. Returns who they are and what they took.
pub fn join(
    conn: &mut DbConnection,
    code: &CodeDigest,
    guest: &Invitee,
    client: &ClientInfo,
    now: Timestamp,
) -> Result<(User, InvitationOffer), JoinError> {
    let workspace = find(conn, code, now)?.workspace;
    // Everything about its members locks it: what is found from here on stays so.
    lock_workspace(conn, workspace.key())?;
    let offer = find(conn, code, now)?;
    let user = match guest {
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

/// An open invitation as the list shows it.
#[derive(Debug, Clone)]
pub struct OpenInvitation {
    /// The link.
    pub link: Link,
    /// The address of who made it.
    pub host: String,
}
