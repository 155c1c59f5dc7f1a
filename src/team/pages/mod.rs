//! The pages of a team: its members, below them everybody's tokens, and what happened. Here: the list of members, and
//! what the pages of one member share.

pub mod activity;
pub mod member;
pub mod oversight;
pub mod remove;
pub mod revoke;
pub mod revoke_all;

use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use super::{Act, MemberError, TeamMember, store};
use crate::accounts::session::BrowserSession;
use crate::kernel::app::App;
use crate::kernel::db::DbError;
use crate::kernel::error::PageError;
use crate::kernel::id::Id;
use crate::kernel::web::client::Client;
use crate::kernel::web::page::{self, Notice};
use crate::tokens::pages::row::{ExpiryLine, Moment, Row};
use crate::tokens::store as tokens;
use crate::workspaces::Workspace;
use crate::workspaces::extract::{Administrator, Member};
use crate::workspaces::shell::{Section, Shell};

/// A member as the pages show them.
struct Person {
    name: String,
    email: String,
    role: &'static str,
    is_active: bool,
    /// Are they whose page this is?
    is_you: bool,
    since: Moment,
    last_seen: Option<Moment>,
    /// Their tokens. A row's path is where an administrator does something about it.
    rows: Vec<Row>,
    /// The path below which their pages are.
    path: String,
}

impl Person {
    fn of(member: &TeamMember, rows: Vec<Row>, reader: &Member, members_path: &str) -> Self {
        Self {
            name: member.user.name.as_str().to_owned(),
            email: member.user.email.as_str().to_owned(),
            role: member.role.label(),
            is_active: member.user.is_active,
            is_you: member.user.uuid == reader.user.uuid,
            since: Moment::day(member.since),
            last_seen: member.last_seen.map(Moment::of),
            rows,
            path: format!("{members_path}/{}", member.user.uuid),
        }
    }
}

/// The path below which the pages of everybody's tokens are.
fn tokens_path(members_path: &str) -> String {
    format!("{members_path}/tokens")
}

#[derive(Template)]
#[template(path = "team/members.html")]
struct MembersPage {
    shell: Shell,
    members_path: String,
    people: Vec<Person>,
}

/// `GET /w/{slug}/settings/members`
pub async fn list(
    app: web::Data<App>,
    Administrator(reader): Administrator,
    session: BrowserSession,
) -> Result<HttpResponse, PageError> {
    let (workspace, now) = (reader.workspace.clone(), app.clock.now());
    let read = move |conn: &mut _| {
        Ok::<_, DbError>((store::members(conn, &workspace)?, tokens::of_workspace(conn, workspace.key)?))
    };
    let (mut members, tokens) = app.db.read(read).await?;
    members.sort_by_key(|member| (member.user.name.key(), member.user.email.key()));
    let members_path = Section::Members.path(&reader.workspace.slug);
    let tokens_path = tokens_path(&members_path);
    let mut rows: HashMap<Id, Vec<Row>> = HashMap::new();
    for (token, owner) in &tokens {
        rows.entry(owner.uuid).or_default().push(Row::of(token, &tokens_path, now));
    }
    let person = |member: &TeamMember| {
        Person::of(member, rows.remove(&member.user.uuid).unwrap_or_default(), &reader, &members_path)
    };
    Ok(page::ok(&MembersPage {
        people: members.iter().map(person).collect(),
        shell: Shell::around(&reader, Section::Members).saying(session.take_flash()),
        members_path,
    }))
}

/// The slug and the identifier, of a user or of a token, in a path.
type TeamPath = web::Path<(String, String)>;

fn id(path: &TeamPath) -> Result<Id, PageError> {
    path.1.parse().map_err(|_| PageError::NotFound)
}

/// What an administrator wants done to the user or the token that a path names.
struct Order {
    workspace: Workspace,
    uuid: Id,
    act: Act,
}

impl Order {
    fn of(app: &App, administrator: &Member, path: &TeamPath, client: Client) -> Result<Self, PageError> {
        Ok(Self {
            workspace: administrator.workspace.clone(),
            uuid: id(path)?,
            act: Act::of(&administrator.user, client, app.clock.now()),
        })
    }
}

/// A member that a path names, as a page shows them.
struct Found {
    member: TeamMember,
    person: Person,
    /// Nobody else could administrate the workspace.
    is_last: bool,
}

async fn find(app: &App, reader: &Member, path: &TeamPath) -> Result<Found, PageError> {
    let (workspace, uuid, now) = (reader.workspace.clone(), id(path)?, app.clock.now());
    let read = move |conn: &mut _| {
        let Some(member) = store::find(conn, &workspace, &uuid)? else { return Ok::<_, DbError>(None) };
        let tokens = tokens::live(conn, member.membership)?;
        let is_last = super::is_last_administrator(conn, &workspace, &member)?;
        Ok(Some((member, tokens, is_last)))
    };
    let (member, tokens, is_last) = app.db.read(read).await?.ok_or(PageError::NotFound)?;
    let members_path = Section::Members.path(&reader.workspace.slug);
    let tokens_path = tokens_path(&members_path);
    let rows = tokens.iter().map(|token| Row::of(token, &tokens_path, now)).collect();
    Ok(Found { person: Person::of(&member, rows, reader, &members_path), member, is_last })
}

/// The answers where nothing could be changed about a member.
impl From<MemberError> for PageError {
    fn from(error: MemberError) -> Self {
        match error {
            MemberError::NotAllowed => Self::Forbidden(Notice::new(
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
fn count(tokens: usize) -> String {
    if tokens == 1 { "1 token".to_owned() } else { format!("{tokens} tokens") }
}

/// What is added about the tokens that stopped: ` 1 token stopped.`, or nothing.
fn stopped(tokens: usize) -> String {
    if tokens == 0 { String::new() } else { format!(" {} stopped.", count(tokens)) }
}

/// One of the views that a page has, as a link to it.
struct Choice {
    label: &'static str,
    /// How many there are in it, where that is known.
    count: Option<usize>,
    path: String,
    is_here: bool,
}

impl Choice {
    fn new(label: &'static str, count: Option<usize>, path: String, is_here: bool) -> Self {
        Self { label, count, path, is_here }
    }
}
