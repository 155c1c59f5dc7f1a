//! The list of members, and the types and functions that the pages of one member share.

use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::session::BrowserSession;
use crate::base::client_info::ClientInfo;
use crate::base::id::PublicId;
use crate::db::DbError;
use crate::members::model::{Member, MemberActor, MemberError};
use crate::members::store;
use crate::tokens::store as tokens;
use crate::tokens::view::{TimeView, TokenView};
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::html::{self, Message};
use crate::workspaces::extract::{Administrator, CurrentMember};
use crate::workspaces::layout::{Section, WorkspaceLayout};
use crate::workspaces::model::Workspace;

/// A member on a page.
pub(crate) struct MemberView {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) role: &'static str,
    pub(crate) is_active: bool,
    /// Whether the member is the signed-in user.
    pub(crate) is_you: bool,
    pub(crate) since: TimeView,
    pub(crate) last_seen: Option<TimeView>,
    /// The member's tokens. Each row links to the administrator's page of the token.
    pub(crate) rows: Vec<TokenView>,
    /// The path prefix of the member's pages.
    pub(crate) path: String,
}

impl MemberView {
    fn of(member: &Member, rows: Vec<TokenView>, reader: &CurrentMember, members_path: &str) -> Self {
        Self {
            name: member.user.name.as_str().to_owned(),
            email: member.user.email.as_str().to_owned(),
            role: member.role.label(),
            is_active: member.user.is_active,
            is_you: member.user.uuid == reader.user.uuid,
            since: TimeView::day(member.since),
            last_seen: member.last_seen.map(TimeView::new),
            rows,
            path: format!("{members_path}/{}", member.user.uuid),
        }
    }
}

/// Returns the path of the list of all tokens, which is the prefix of their pages.
pub(crate) fn tokens_path(members_path: &str) -> String {
    format!("{members_path}/tokens")
}

#[derive(Template)]
#[template(path = "members/members.html")]
struct MembersPage {
    pub(crate) shell: WorkspaceLayout,
    pub(crate) members_path: String,
    pub(crate) people: Vec<MemberView>,
}

/// `GET /w/{slug}/settings/members`
pub async fn list(
    app: web::Data<AppState>,
    Administrator(reader): Administrator,
    session: BrowserSession,
) -> Result<HttpResponse, PageError> {
    let (workspace, now) = (reader.workspace.clone(), app.clock.now());
    let read = move |conn: &mut _| {
        Ok::<_, DbError>((store::members(conn, &workspace)?, tokens::list_by_workspace(conn, workspace.key)?))
    };
    let (mut members, tokens) = app.db.read(read).await?;
    members.sort_by_key(|member| (member.user.name.case_folded(), member.user.email.key()));
    let members_path = Section::Members.path(&reader.workspace.slug);
    let tokens_path = tokens_path(&members_path);
    let mut rows: HashMap<PublicId, Vec<TokenView>> = HashMap::new();
    for (token, owner) in &tokens {
        rows.entry(owner.uuid).or_default().push(TokenView::of(token, &tokens_path, now));
    }
    let person = |member: &Member| {
        MemberView::of(member, rows.remove(&member.user.uuid).unwrap_or_default(), &reader, &members_path)
    };
    Ok(html::ok(&MembersPage {
        people: members.iter().map(person).collect(),
        shell: WorkspaceLayout::new(&reader, Section::Members).with_flash(session.take_flash()),
        members_path,
    }))
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
    pub(crate) act: MemberActor,
}

impl MemberAction {
    pub(crate) fn of(
        app: &AppState,
        administrator: &CurrentMember,
        path: &MemberPath,
        client: ClientInfo,
    ) -> Result<Self, PageError> {
        Ok(Self {
            workspace: administrator.workspace.clone(),
            uuid: id(path)?,
            act: MemberActor::new(&administrator.user, client, app.clock.now()),
        })
    }
}

/// The member in the path, with the data of a page.
pub(crate) struct MemberDetails {
    pub(crate) member: Member,
    pub(crate) person: MemberView,
    /// Whether the member is the only administrator.
    pub(crate) is_last: bool,
}

pub(crate) async fn find(
    app: &AppState,
    reader: &CurrentMember,
    path: &MemberPath,
) -> Result<MemberDetails, PageError> {
    let (workspace, uuid, now) = (reader.workspace.clone(), id(path)?, app.clock.now());
    let read = move |conn: &mut _| {
        let Some(member) = store::find(conn, &workspace, &uuid)? else { return Ok::<_, DbError>(None) };
        let tokens = tokens::list_active(conn, member.membership)?;
        let is_last = crate::members::checks::is_last_administrator(conn, &workspace, &member)?;
        Ok(Some((member, tokens, is_last)))
    };
    let (member, tokens, is_last) = app.db.read(read).await?.ok_or(PageError::NotFound)?;
    let members_path = Section::Members.path(&reader.workspace.slug);
    let tokens_path = tokens_path(&members_path);
    let rows = tokens.iter().map(|token| TokenView::of(token, &tokens_path, now)).collect();
    Ok(MemberDetails { person: MemberView::of(&member, rows, reader, &members_path), member, is_last })
}

/// The responses to a change of a member that failed.
impl From<MemberError> for PageError {
    fn from(error: MemberError) -> Self {
        match error {
            MemberError::NotAllowed => Self::Forbidden(Message::new(
                "You are no administrator here any more",
                "Somebody changed your role or removed you a moment ago. Nothing was changed by you.",
            )),
            MemberError::NotAMember => Self::NotFound,
            MemberError::LastAdministrator => Self::bad(
                StatusCode::CONFLICT,
                "A workspace keeps an administrator",
                "They are its only administrator, so they can be neither removed nor given another role. Make somebody else administrator first.",
            ),
            MemberError::Db(error) => error.into(),
        }
    }
}

/// Formats a number of tokens: `1 token`.
pub(crate) fn count(tokens: usize) -> String {
    if tokens == 1 { "1 token".to_owned() } else { format!("{tokens} tokens") }
}

/// Formats the number of deleted tokens as a sentence with a leading space, or an empty text for none.
pub(crate) fn stopped(tokens: usize) -> String {
    if tokens == 0 { String::new() } else { format!(" {} stopped.", count(tokens)) }
}
