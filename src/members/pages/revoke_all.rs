//! Revoking every token that a member has.

use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::session::BrowserSession;
use crate::base::client_info::Client;
use crate::members::pages::list::{Order, Person, TeamPath, count, find};
use crate::members::revoke_tokens::revoke_all;
use crate::web::app_state::App;
use crate::web::error::PageError;
use crate::web::form::Form;
use crate::web::html;
use crate::workspaces::extract::Administrator;
use crate::workspaces::layout::{Section, Shell};

#[derive(Template)]
#[template(path = "members/revoke_all.html")]
struct RevokeAllPage {
    shell: Shell,
    members_path: String,
    person: Person,
}

/// `GET /w/{slug}/settings/members/{member}/revoke`: asks, where a dialog can't.
pub async fn show(
    app: web::Data<App>,
    Administrator(reader): Administrator,
    path: TeamPath,
) -> Result<HttpResponse, PageError> {
    let person = find(&app, &reader, &path).await?.person;
    Ok(html::ok(&RevokeAllPage {
        shell: Shell::around(&reader, Section::Members),
        members_path: Section::Members.path(&reader.workspace.slug),
        person,
    }))
}

/// `POST /w/{slug}/settings/members/{member}/revoke`
pub async fn submit(
    app: web::Data<App>,
    Administrator(reader): Administrator,
    path: TeamPath,
    session: BrowserSession,
    client: Client,
    _: Form,
) -> Result<HttpResponse, PageError> {
    let order = Order::of(&app, &reader, &path, client)?;
    let revoke = move |conn: &mut _| revoke_all(conn, &order.workspace, &order.uuid, &order.act);
    let (owner, stopped) = app.db.write(revoke).await?;
    let name = owner.name.as_str();
    session.flash(&match stopped {
        0 => format!("{name} has no tokens here."),
        _ => format!("{} of {name} revoked.", count(stopped)),
    })?;
    let members_path = Section::Members.path(&reader.workspace.slug);
    Ok(html::see_other(&format!("{members_path}/{}", owner.uuid)))
}
