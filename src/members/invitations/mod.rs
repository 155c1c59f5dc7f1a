//! Invitations: an administrator creates a one-time link, and the person who accepts it becomes a member with the
//! link's role. Latchkey sends no email; the administrator passes the link on.

pub(crate) mod accept;
pub(crate) mod pages;
pub(crate) mod store;

use crate::accounts::change_email::{ReplaceEmailError, replace_email};
use crate::accounts::create::{AddUserError, add_user};
use crate::accounts::model::{CredentialsGeneration, EmailAddress, NewUser, User};
use crate::accounts::one_time_links::{self, CodeDigest, Link, LinkDetails, NewLink, OneTimeCode, Purpose};
use crate::accounts::store::{lock_generation, lock_user, user_by_uuid};
use crate::audit::actor::Actor;
use crate::audit::event::{Event, EventKind};
use crate::base::client_info::ClientInfo;
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::base::random::CryptoRng;
use crate::base::text::DisplayName;
use crate::db::{DbConnection, DbError};
use crate::tokens::model::IdempotencyKey;
use crate::workspaces::checks::lock_and_check_admin;
use crate::workspaces::email_authority::can_vouch;
use crate::workspaces::members::{AddMemberError, add_member};
use crate::workspaces::model::{Role, Workspace};
use crate::workspaces::store::{find_role, lock_workspace, workspace_by_uuid};

/// The reason an invitation was not created or revoked.
#[derive(Debug, thiserror::Error)]
pub enum InviteError {
    /// The user is no longer an administrator of the workspace, or their session has ended.
    #[error("not an administrator of this workspace")]
    NotAllowed,
    /// An invitation with the form's idempotency key exists.
    #[error("this form was already sent")]
    AlreadyCreated,
    /// A query failed.
    #[error("{0}")]
    Db(#[from] DbError),
}

/// What an administrator chooses for an invitation.
#[derive(Debug, Clone)]
pub struct InvitationTerms {
    /// The role of the new member.
    pub role: Role,
    /// The only address that can accept the invitation; `None` for any.
    pub email: Option<EmailAddress>,
    /// The note in the list.
    pub note: Option<DisplayName>,
}

/// Builds an invitation to insert. `code` accepts it.
pub fn new_invitation(
    code: &OneTimeCode,
    workspace: &Workspace,
    actor: &Actor,
    terms: InvitationTerms,
    form_key: &IdempotencyKey,
    rng: &mut impl CryptoRng,
) -> NewLink {
    let details = LinkDetails {
        workspace: Some(workspace.uuid),
        role: Some(terms.role.as_str()),
        note: terms.note,
        email: terms.email,
        created_by: actor.user.as_ref().map(|user| user.uuid),
        form_key: Some(form_key.as_str().to_owned()),
        user: None,
    };
    NewLink::new(code, Purpose::Invitation, details, actor.at, rng)
}

fn lock_and_check(conn: &mut DbConnection, workspace: &Workspace, actor: &Actor) -> Result<(), InviteError> {
    if lock_and_check_admin(conn, workspace, actor)? { Ok(()) } else { Err(InviteError::NotAllowed) }
}

fn record(
    conn: &mut DbConnection,
    workspace: &Workspace,
    actor: &Actor,
    kind: EventKind,
    detail: &str,
) -> Result<(), DbError> {
    Event { workspace: Some(&workspace.uuid), detail: Some(detail), ..actor.event(kind) }.record(conn)
}

/// Inserts an invitation inside the caller's transaction and records the event. `generation` is that of the actor's session:
/// a request that began before a change of the credentials must not create an invitation after it.
pub fn invite(
    conn: &mut DbConnection,
    workspace: &Workspace,
    actor: &Actor,
    generation: CredentialsGeneration,
    new: &NewLink,
) -> Result<(), InviteError> {
    lock_and_check(conn, workspace, actor)?;
    if let Some(user) = &actor.user
        && !lock_generation(conn, &user.uuid, generation)?
    {
        return Err(InviteError::NotAllowed);
    }
    one_time_links::store::insert(conn, new).map_err(|error| match error {
        // The form's key is the only unique column with a value that is not random.
        DbError::UniqueViolation(_) => InviteError::AlreadyCreated,
        other => other.into(),
    })?;
    let email = new.details.email.as_ref().map_or_else(String::new, |email| format!(" for {email}"));
    let detail = format!("invitation {} as {}{email}", new.uuid, new.details.role.unwrap_or_default());
    Ok(record(conn, workspace, actor, EventKind::InvitationCreated, &detail)?)
}

/// Revokes an open invitation inside the caller's transaction. Returns `false` if the workspace has no such open
/// invitation.
pub fn revoke(
    conn: &mut DbConnection,
    workspace: &Workspace,
    actor: &Actor,
    uuid: &PublicId,
) -> Result<bool, InviteError> {
    lock_and_check(conn, workspace, actor)?;
    if !store::delete_open(conn, &workspace.uuid, uuid)? {
        return Ok(false);
    }
    record(conn, workspace, actor, EventKind::InvitationRevoked, &format!("invitation {uuid}"))?;
    Ok(true)
}

/// The reason an invitation was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The link is unknown, used, revoked or expired, or its creator is no longer an administrator. The cases are not
    /// distinguished, so that the response reveals nothing about the code.
    #[error("the invitation is not valid")]
    InvalidLink,
    /// The user already is a member, with this role. The invitation stays open.
    #[error("the user is already a member, as {0}")]
    IsMember(Role),
    /// The invitation is for another address than that of the signed-in user. It stays open.
    #[error("the invitation is for another email address")]
    OtherAddress,
    /// The email address belongs to an existing account.
    #[error("a user with this email address already exists")]
    EmailTaken,
    /// A query failed.
    #[error("{0}")]
    Db(#[from] DbError),
}

/// The workspace and role that an invitation grants.
#[derive(Debug, Clone)]
pub struct InvitationOffer {
    link: PublicId,
    inviter: PublicId,
    /// The workspace.
    pub workspace: Workspace,
    /// The role.
    pub role: Role,
    /// The only address that can accept the invitation; `None` for any.
    pub email: Option<EmailAddress>,
}

impl InvitationOffer {
    /// Returns whether a user with this address can accept the invitation.
    #[must_use]
    pub fn is_for(&self, email: &EmailAddress) -> bool {
        self.email.as_ref().is_none_or(|only| only.case_folded() == email.case_folded())
    }
}

/// Finds the offer of a valid code.
pub fn find(conn: &mut DbConnection, code: &CodeDigest, now: Timestamp) -> Result<InvitationOffer, JoinError> {
    let link = one_time_links::store::find(conn, Purpose::Invitation, code, now)?.ok_or(JoinError::InvalidLink)?;
    let (Some(workspace), Some(role), Some(inviter)) = (link.workspace, &link.role, link.created_by) else {
        return Err(JoinError::InvalidLink);
    };
    let workspace = workspace_by_uuid(conn, &workspace)?.ok_or(JoinError::InvalidLink)?;
    let role = role.parse().map_err(|_| JoinError::InvalidLink)?;
    // An invitation is only valid while its creator is an administrator.
    if !store::is_inviter(conn, workspace.key, &inviter, link.created_at)? {
        return Err(JoinError::InvalidLink);
    }
    Ok(InvitationOffer { link: link.uuid, inviter, workspace, role, email: link.email })
}

/// Returns the user's current role in the offer's workspace, or `None` if they are not a member.
pub fn current_role(conn: &mut DbConnection, offer: &InvitationOffer, user: &User) -> Result<Option<Role>, DbError> {
    find_role(conn, offer.workspace.key, &user.uuid)
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
/// requests, one succeeds. A new user gets the address of the invitation, if it has one. This address is verified if the
/// inviter can vouch for it: the inviter passed the link on to its owner. Returns the user and the accepted offer.
pub fn join(
    conn: &mut DbConnection,
    code: &CodeDigest,
    invitee: &Invitee,
    client: &ClientInfo,
    now: Timestamp,
) -> Result<(User, InvitationOffer), JoinError> {
    let workspace = find(conn, code, now)?.workspace;
    // Every change of members takes this lock, so the results of the queries below stay valid.
    lock_workspace(conn, workspace.key)?;
    let offer = find(conn, code, now)?;
    let verified = find_verified_address(conn, &offer)?;
    let user = match invitee {
        Invitee::Existing(user) => match current_role(conn, &offer, user)? {
            Some(role) => return Err(JoinError::IsMember(role)),
            None => confirm_address(conn, &offer, user, verified, now)?,
        },
        Invitee::New(new) => {
            let new = NewUser {
                email: offer.email.clone().unwrap_or_else(|| new.email.clone()),
                is_email_verified: verified.is_some(),
                ..new.as_ref().clone()
            };
            add_user(conn, &new, Some(client), "invitation").map_err(|error| match error {
                AddUserError::EmailTaken(_) => JoinError::EmailTaken,
                AddUserError::Db(error) => error.into(),
            })?
        }
    };
    if !one_time_links::store::consume(conn, Purpose::Invitation, code, now)? {
        return Err(JoinError::InvalidLink);
    }
    let actor = user.actor(client.clone(), now);
    add_member(conn, &offer.workspace, &user, offer.role, &actor).map_err(|error| match error {
        AddMemberError::IsMember(role) => JoinError::IsMember(role),
        AddMemberError::Db(error) => error.into(),
    })?;
    let verified = if verified.is_some() { ", address verified" } else { "" };
    let detail = format!("invitation {}{verified}", offer.link);
    record(conn, &offer.workspace, &actor, EventKind::InvitationUsed, &detail)?;
    Ok((user, offer))
}

/// Returns the address of the invitation if its inviter can vouch for it.
fn find_verified_address<'a>(
    conn: &mut DbConnection,
    offer: &'a InvitationOffer,
) -> Result<Option<&'a EmailAddress>, JoinError> {
    let Some(email) = &offer.email else { return Ok(None) };
    let inviter = user_by_uuid(conn, &offer.inviter)?.ok_or(JoinError::InvalidLink)?;
    Ok(can_vouch(conn, &inviter)?.then_some(email))
}

/// Checks that the invitation is for the address that the user has now, and marks the address as verified if it is.
fn confirm_address(
    conn: &mut DbConnection,
    offer: &InvitationOffer,
    user: &User,
    verified: Option<&EmailAddress>,
    now: Timestamp,
) -> Result<User, JoinError> {
    let (user, _) = lock_user(conn, user.key)?.ok_or(JoinError::InvalidLink)?;
    if !offer.is_for(&user.email) {
        return Err(JoinError::OtherAddress);
    }
    let Some(email) = verified else { return Ok(user) };
    replace_email(conn, &user, email, Some(now)).map_err(|error| match error {
        ReplaceEmailError::EmailTaken(_) => JoinError::OtherAddress,
        ReplaceEmailError::Db(error) => error.into(),
    })?;
    Ok(User { email: email.clone(), email_verified_at: Some(now), ..user })
}

/// An open invitation in the list.
#[derive(Debug, Clone)]
pub struct OpenInvitation {
    /// The link.
    pub link: Link,
    /// The email address of the administrator who created it.
    pub inviter_email: String,
}
