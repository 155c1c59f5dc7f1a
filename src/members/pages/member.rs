//! One member: what they may do here, and their tokens.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::session::BrowserSession;
use crate::base::client_info::ClientInfo;
use crate::members::change_role::change_role;
use crate::members::model::MemberError;
use crate::members::pages::list::{MemberAction, MemberDetails, MemberPath, MemberView, find, stopped};
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::form::{Field, Form};
use crate::web::html;
use crate::workspaces::extract::{Administrator, CurrentMember};
use crate::workspaces::layout::{Section, WorkspaceLayout};
use crate::workspaces::profile::Role;

#[derive(Template)]
#[template(path = "members/member.html")]
struct MemberPage {
    shell: WorkspaceLayout,
    members_path: String,
    person: MemberView,
    is_last: bool,
    role: Field,
    /// Tokens would stop: asks first.
    asks: bool,
    /// It was tried although a workspace keeps an administrator.
    is_refused: bool,
}

impl MemberPage {
    fn of(reader: &CurrentMember, found: MemberDetails) -> Self {
        Self {
            shell: WorkspaceLayout::new(reader, Section::Members),
            members_path: Section::Members.path(&reader.workspace.slug),
            role: Field::new(found.member.role.as_str()),
            person: found.person,
            is_last: found.is_last,
            asks: false,
            is_refused: false,
        }
    }

    /// The roles to choose from, and what each is for.
    fn roles(&self) -> impl Iterator<Item = (Role, &'static str, bool)> {
        Role::ALL.iter().map(|role| {
            let meaning = match role {
                Role::Administrator => "Everything: settings, members and everybody’s tokens.",
                Role::Editor => "Works here, and has API tokens.",
                Role::Agent => "Works here, without API tokens.",
            };
            (*role, meaning, self.role.text == role.as_str())
        })
    }
}

/// `GET /w/{slug}/settings/members/{member}`
pub async fn show(
    app: web::Data<AppState>,
    Administrator(reader): Administrator,
    path: MemberPath,
    session: BrowserSession,
) -> Result<HttpResponse, PageError> {
    let found = find(&app, &reader, &path).await?;
    let page = MemberPage::of(&reader, found);
    Ok(html::ok(&MemberPage { shell: page.shell.with_flash(session.take_flash()), ..page }))
}

/// `POST /w/{slug}/settings/members/{member}`
pub async fn submit(
    app: web::Data<AppState>,
    Administrator(reader): Administrator,
    path: MemberPath,
    session: BrowserSession,
    client: ClientInfo,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let found = find(&app, &reader, &path).await?;
    let (field, role) = Field::read::<Role>(&form, "role");
    let loses_tokens = role.is_some_and(|role| !role.can_have_tokens()) && !found.person.rows.is_empty();
    let asks = loses_tokens && !found.is_last && form.text("confirm_role") != field.text;
    let Some(role) = role.filter(|_| !asks) else {
        let page = MemberPage { role: field, asks, ..MemberPage::of(&reader, found) };
        return Ok(html::render(StatusCode::UNPROCESSABLE_ENTITY, &page));
    };

    let order = MemberAction::of(&app, &reader, &path, client)?;
    let change = move |conn: &mut _| change_role(conn, &order.workspace, &order.uuid, role, &order.act);
    let done = match app.db.write(change).await {
        Err(MemberError::LastAdministrator) => return refuse(&app, &reader, &path).await,
        done => done?,
    };
    session.flash(&format!("{} is {} now.{}", done.user.name.as_str(), role.label(), stopped(done.stopped_tokens)))?;
    // Who is no administrator any more can't see that page.
    let section = if found.person.is_you && !role.is_admin() { Section::Overview } else { Section::Members };
    Ok(html::redirect(&section.path(&reader.workspace.slug)))
}

/// The member's page, which says that a workspace keeps an administrator and what to do: 409.
pub(crate) async fn refuse(
    app: &AppState,
    reader: &CurrentMember,
    path: &MemberPath,
) -> Result<HttpResponse, PageError> {
    let found = find(app, reader, path).await?;
    let page = MemberPage { is_refused: true, ..MemberPage::of(reader, found) };
    Ok(html::render(StatusCode::CONFLICT, &page))
}
