//! The types and functions that the pages of one member share.

use actix_web::http::StatusCode;
use actix_web::web;

use crate::audit::actor::Actor;
use crate::base::client_info::ClientInfo;
use crate::base::id::PublicId;
use crate::db::DbError;
use crate::members::model::{Member, MemberError, count_tokens};
use crate::members::store;
use crate::tokens::day_counts::load_strip_days;
use crate::tokens::view::{TimeView, TokenView};
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::html::Message;
use crate::workspaces::email_authority::EmailAuthority;
use crate::workspaces::extract::CurrentMember;
use crate::workspaces::layout::Section;
use crate::workspaces::model::Workspace;

/// A member on a page.
pub(crate) struct MemberView {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) role: &'static str,
    pub(crate) is_email_verified: bool,
    pub(crate) is_active: bool,
    /// Whether the member is the signed-in user.
    pub(crate) is_you: bool,
    pub(crate) joined: TimeView,
    pub(crate) last_seen: Option<TimeView>,
    /// The member's tokens, which link to the administrator's pages of the tokens.
    pub(crate) tokens: Vec<TokenView>,
    /// The path prefix of the member's pages.
    pub(crate) path: String,
}

impl MemberView {
    fn new(member: &Member, tokens: Vec<TokenView>, reader: &CurrentMember, members_path: &str) -> Self {
        Self {
            name: member.user.name.as_str().to_owned(),
            email: member.user.email.as_str().to_owned(),
            role: member.role.label(),
            is_email_verified: member.user.verified_email().is_some(),
            is_active: member.user.is_active,
            is_you: member.user.uuid == reader.user.uuid,
            joined: TimeView::day(member.since),
            last_seen: member.last_seen.map(TimeView::hour),
            tokens,
            path: format!("{members_path}/{}", member.user.uuid),
        }
    }

    /// The title of the question before the member's removal, the name at its end, and the label of its button.
    pub(crate) fn removal(&self) -> (&'static str, &str, &'static str) {
        if self.is_you { ("Leave the workspace", "", "Leave") } else { ("Remove ", &self.name, "Remove") }
    }
}

/// Returns the path of the list of all tokens, which is the prefix of their pages.
pub(crate) fn tokens_path(members_path: &str) -> String {
    format!("{members_path}/tokens")
}

/// The path parameters: the slug, and the identifier of a user or a token.
pub(crate) type MemberPath = web::Path<(String, String)>;

pub(crate) fn id(path: &MemberPath) -> Result<PublicId, PageError> {
    path.1.parse().map_err(|_| PageError::NotFound)
}

/// A change by an administrator to the user or the token in the path.
pub(crate) struct MemberAction {
    pub(crate) workspace: Workspace,
    pub(crate) uuid: PublicId,
    pub(crate) actor: Actor,
}

impl MemberAction {
    pub(crate) fn new(
        app: &AppState,
        administrator: &CurrentMember,
        path: &MemberPath,
        client: ClientInfo,
    ) -> Result<Self, PageError> {
        Ok(Self {
            workspace: administrator.workspace.clone(),
            uuid: id(path)?,
            actor: administrator.user.actor(client, app.clock.now()),
        })
    }
}

/// The member in the path, with the data of a page.
pub(crate) struct MemberDetails {
    pub(crate) member: Member,
    pub(crate) view: MemberView,
    /// Whether the member is the only administrator.
    pub(crate) is_last: bool,
    /// What the reader may do with the member's email address.
    pub(crate) email_authority: EmailAuthority,
}

pub(crate) async fn find(
    app: &AppState,
    reader: &CurrentMember,
    path: &MemberPath,
) -> Result<MemberDetails, PageError> {
    let (workspace, uuid, now) = (reader.workspace.clone(), id(path)?, app.clock.now());
    let administrator = reader.user.clone();
    let read = move |conn: &mut _| {
        let Some(member) = store::find(conn, &workspace, &uuid)? else { return Ok::<_, DbError>(None) };
        let tokens = crate::tokens::store::list_active(conn, member.membership)?;
        let days = load_strip_days(conn, &tokens, now)?;
        let is_last = crate::members::checks::is_last_administrator(conn, &workspace, &member)?;
        let email_authority = EmailAuthority::over(conn, &administrator, &member.user)?;
        Ok(Some((member, tokens, days, is_last, email_authority)))
    };
    let (member, tokens, days, is_last, email_authority) = app.db.read(read).await?.ok_or(PageError::NotFound)?;
    let members_path = Section::Members.path(&reader.workspace.slug);
    let tokens_path = tokens_path(&members_path);
    let tokens = tokens.iter().map(|token| TokenView::with_strip(token, &days, &tokens_path, now)).collect();
    let view = MemberView::new(&member, tokens, reader, &members_path);
    Ok(MemberDetails { member, view, is_last, email_authority })
}

/// The responses to a change of a member that failed.
impl From<MemberError> for PageError {
    fn from(error: MemberError) -> Self {
        match error {
            MemberError::NotAllowed => Self::Forbidden(Message::new(
                "You’re no longer an administrator here",
                "Someone has just changed your role or removed you from the workspace. Your change was not saved.",
            )),
            MemberError::NotAMember => Self::NotFound,
            MemberError::LastAdministrator => Self::bad(
                StatusCode::CONFLICT,
                "A workspace needs an administrator",
                "This is the only administrator, so you can’t remove them or change their role. Make someone else an administrator first.",
            ),
            MemberError::Db(error) => error.into(),
        }
    }
}

/// The response to a change that the administrator may not make on this member: a heading, and who may make it.
pub(crate) fn forbidden(member_path: String, (heading, remedy): (&'static str, &'static str)) -> PageError {
    PageError::Forbidden(
        Message::new(heading, format!("Nothing was changed. {remedy}")).with_link(member_path, "Back to the member"),
    )
}

/// Formats the number of deleted tokens as a sentence with a leading space, or an empty text for none.
pub(crate) fn deleted(tokens: usize) -> String {
    if tokens == 0 { String::new() } else { format!(" {} deleted.", count_tokens(tokens)) }
}
