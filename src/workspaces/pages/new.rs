//! The page that creates a workspace.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError as _, web};
use askama::Template;
use strum::VariantArray as _;

use crate::accounts::kept_form::Prefill;
use crate::accounts::session::BrowserSession;
use crate::base::client_info::ClientInfo;
use crate::base::random;
use crate::base::text::DisplayName;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::form::{Field, Form};
use crate::web::html;
use crate::workspaces::create::{CreateWorkspaceError, create_as_admin};
use crate::workspaces::extract::{UserWithMemberships, WorkspaceCreator, creation_forbidden};
use crate::workspaces::layout::{AccountLayout, Section};
use crate::workspaces::model::{NewWorkspace, Slug};
use crate::workspaces::profile::WorkspaceKind;

#[derive(Template)]
#[template(path = "workspaces/new.html")]
struct NewPage {
    layout: AccountLayout,
    name: Field,
    slug: Field,
    kind: Field,
}

impl NewPage {
    fn new(person: &UserWithMemberships) -> Self {
        Self {
            layout: AccountLayout::new(person, false),
            name: Field::default(),
            slug: Field::default(),
            kind: Field::new(&WorkspaceKind::Production),
        }
    }
}

/// `GET /workspaces/new`
pub(crate) async fn show(
    WorkspaceCreator(person): WorkspaceCreator,
    session: BrowserSession,
    prefill: Prefill,
) -> HttpResponse {
    let mut page = NewPage::new(&person);
    page.layout.flash = prefill.flash().or_else(|| session.take_flash());
    prefill.fill([("name", &mut page.name), ("slug", &mut page.slug), ("kind", &mut page.kind)]);
    html::ok(&page)
}

/// `POST /workspaces/new`
pub(crate) async fn submit(
    app: web::Data<AppState>,
    WorkspaceCreator(person): WorkspaceCreator,
    session: BrowserSession,
    client: ClientInfo,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let (name, parsed_name) = Field::read::<DisplayName>(&form, "name");
    let (kind, parsed_kind) = Field::read::<WorkspaceKind>(&form, "kind");
    // An empty slug is derived from the name.
    let (slug, parsed_slug) = Field::read_optional::<Slug>(&form, "slug");
    let typed = NewPage { name, slug, kind, ..NewPage::new(&person) };
    let (Some(name), Some(kind), Some(slug)) = (parsed_name, parsed_kind, parsed_slug) else {
        return Ok(html::render(StatusCode::UNPROCESSABLE_ENTITY, &typed));
    };
    let new = NewWorkspace::new(slug, name, kind, app.clock.now(), &mut random::os_rng());
    let creator = person.user;
    match app.db.write(move |conn| create_as_admin(conn, &new, &creator, client.clone())).await {
        Ok(workspace) => {
            let name = workspace.profile.name.as_str();
            session.flash(&format!("Workspace {name} created. You are its administrator."))?;
            Ok(html::redirect(&Section::Overview.path(&workspace.slug)))
        }
        Err(CreateWorkspaceError::SlugTaken(_)) => {
            let slug = typed
                .slug
                .clone()
                .with_error("Another workspace already uses this name in URLs. Choose a different one.");
            Ok(html::render(StatusCode::UNPROCESSABLE_ENTITY, &NewPage { slug, ..typed }))
        }
        Err(CreateWorkspaceError::NotAllowed) => Ok(PageError::Forbidden(creation_forbidden()).error_response()),
        Err(CreateWorkspaceError::Db(error)) => Err(error.into()),
    }
}
