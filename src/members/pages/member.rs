//! The page of one member: role and tokens.

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
    /// The role change would delete tokens and needs confirmation.
    asks: bool,
    /// The change was refused because the member is the only administrator.
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

    /// The roles to choose from, each with its description and whether it is selected.
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

    let action = MemberAction::of(&app, &reader, &path, client)?;
    let write = move |conn: &mut _| change_role(conn, &action.workspace, &action.uuid, role, &action.act);
    let change = match app.db.write(write).await {
        Err(MemberError::LastAdministrator) => return refuse(&app, &reader, &path).await,
        result => result?,
    };
    session.flash(&format!(
        "{} is {} now.{}",
        change.user.name.as_str(),
        role.label(),
        stopped(change.stopped_tokens)
    ))?;
    // A user who demoted themselves has no access to the members page.
    let section = if found.person.is_you && !role.is_admin() { Section::Overview } else { Section::Members };
    Ok(html::redirect(&section.path(&reader.workspace.slug)))
}

/// Renders the member's page with the error that the member is the only administrator. The status is 409.
pub(crate) async fn refuse(
    app: &AppState,
    reader: &CurrentMember,
    path: &MemberPath,
) -> Result<HttpResponse, PageError> {
    let found = find(app, reader, path).await?;
    let page = MemberPage { is_refused: true, ..MemberPage::of(reader, found) };
    Ok(html::render(StatusCode::CONFLICT, &page))
}
