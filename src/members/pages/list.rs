//! The pages of a team: its members, below them everybody's tokens, and what happened. Here: the list of members, and
//! what the pages of one member share.

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

/// A member as the pages show them.
pub(crate) struct MemberView {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) role: &'static str,
    pub(crate) is_active: bool,
    /// Are they whose page this is?
    pub(crate) is_you: bool,
    pub(crate) since: TimeView,
    pub(crate) last_seen: Option<TimeView>,
    /// Their tokens. A row's path is where an administrator does something about it.
    pub(crate) rows: Vec<TokenView>,
    /// The path below which their pages are.
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

/// The path below which the pages of everybody's tokens are.
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

/// The slug and the identifier, of a user or of a token, in a path.
pub(crate) type MemberPath = web::Path<(String, String)>;

pub(crate) fn id(path: &MemberPath) -> Result<PublicId, PageError> {
    path.1.parse().map_err(|_| PageError::NotFound)
}

/// What an administrator wants done to the user or the token that a path names.
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

/// A member that a path names, as a page shows them.
pub(crate) struct MemberDetails {
    pub(crate) member: Member,
    pub(crate) person: MemberView,
    /// Nobody else could administrate the workspace.
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

/// The answers where nothing could be changed about a member.
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

/// How many tokens, in words: `1 token`.
pub(crate) fn count(tokens: usize) -> String {
    if tokens == 1 { "1 token".to_owned() } else { format!("{tokens} tokens") }
}

/// What is added about the tokens that stopped: ` 1 token stopped.`, or nothing.
pub(crate) fn stopped(tokens: usize) -> String {
    if tokens == 0 { String::new() } else { format!(" {} stopped.", count(tokens)) }
}
