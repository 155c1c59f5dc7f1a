//! Making another workspace.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError as _, web};
use askama::Template;

use crate::accounts::session::BrowserSession;
use crate::base::client_info::Client;
use crate::base::random;
use crate::base::text::Label;
use crate::web::app_state::App;
use crate::web::error::PageError;
use crate::web::form::{Field, Form};
use crate::web::html;
use crate::workspaces::create::{FoundError, found};
use crate::workspaces::extract::{Founder, Person, no_founder};
use crate::workspaces::layout::{PersonShell, Section};
use crate::workspaces::model::{NewWorkspace, Slug};
use crate::workspaces::profile::Kind;

#[derive(Template)]
#[template(path = "workspaces/new.html")]
struct NewPage {
    shell: PersonShell,
    name: Field,
    slug: Field,
    kind: Field,
}

impl NewPage {
    fn of(person: &Person) -> Self {
        Self {
            shell: PersonShell::around(person, false),
            name: Field::default(),
            slug: Field::default(),
            kind: Field::of(Kind::Production.as_str()),
        }
    }
}

/// `GET /workspaces/new`
pub async fn show(Founder(person): Founder, session: BrowserSession) -> HttpResponse {
    let mut page = NewPage::of(&person);
    page.shell.flash = session.take_flash();
    html::ok(&page)
}

/// `POST /workspaces/new`
pub async fn submit(
    app: web::Data<App>,
    Founder(person): Founder,
    session: BrowserSession,
    client: Client,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let (name, good_name) = Field::read::<Label>(&form, "name");
    let (kind, good_kind) = Field::read::<Kind>(&form, "kind");
    // Left empty, it follows from the name.
    let (slug, good_slug) = Field::read_if_any::<Slug>(&form, "slug");
    let typed = NewPage { name, slug, kind, ..NewPage::of(&person) };
    let (Some(name), Some(kind), Some(slug)) = (good_name, good_kind, good_slug) else {
        return Ok(html::answer(StatusCode::UNPROCESSABLE_ENTITY, &typed));
    };
    let new = NewWorkspace::new(slug, name, kind, app.clock.now(), &mut random::secure());
    let founder = person.user;
    match app.db.write(move |conn| found(conn, &new, &founder, &client)).await {
        Ok(workspace) => {
            let name = workspace.profile.name.as_str();
            session.flash(&format!("Workspace {name} made. You are its administrator."))?;
            Ok(html::see_other(&Section::Overview.path(&workspace.slug)))
        }
        Err(FoundError::SlugTaken(_)) => {
            let slug = typed.slug.clone().refused("Another workspace has this name in URLs. Choose a different one.");
            Ok(html::answer(StatusCode::UNPROCESSABLE_ENTITY, &NewPage { slug, ..typed }))
        }
        Err(FoundError::NotAllowed) => Ok(PageError::Forbidden(no_founder()).error_response()),
        Err(FoundError::Db(error)) => Err(error.into()),
    }
}
