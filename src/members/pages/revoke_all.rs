//! The page that revokes all tokens of a member.

use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::session::BrowserSession;
use crate::base::client_info::ClientInfo;
use crate::members::pages::list::{MemberAction, MemberPath, MemberView, count, find};
use crate::members::revoke_tokens::revoke_all;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::form::Form;
use crate::web::html;
use crate::workspaces::extract::Administrator;
use crate::workspaces::layout::{Section, WorkspaceLayout};

#[derive(Template)]
#[template(path = "members/revoke_all.html")]
struct RevokeAllPage {
    shell: WorkspaceLayout,
    members_path: String,
    person: MemberView,
}

/// `GET /w/{slug}/settings/members/{member}/revoke`: the confirmation page for browsers without a dialog.
pub async fn show(
    app: web::Data<AppState>,
    Administrator(reader): Administrator,
    path: MemberPath,
) -> Result<HttpResponse, PageError> {
    let person = find(&app, &reader, &path).await?.person;
    Ok(html::ok(&RevokeAllPage {
        shell: WorkspaceLayout::new(&reader, Section::Members),
        members_path: Section::Members.path(&reader.workspace.slug),
        person,
    }))
}

/// `POST /w/{slug}/settings/members/{member}/revoke`
pub async fn submit(
    app: web::Data<AppState>,
    Administrator(reader): Administrator,
    path: MemberPath,
    session: BrowserSession,
    client: ClientInfo,
    _: Form,
) -> Result<HttpResponse, PageError> {
    let action = MemberAction::of(&app, &reader, &path, client)?;
    let revoke = move |conn: &mut _| revoke_all(conn, &action.workspace, &action.uuid, &action.act);
    let (owner, stopped) = app.db.write(revoke).await?;
    let name = owner.name.as_str();
    session.flash(&match stopped {
        0 => format!("{name} has no tokens here."),
        _ => format!("{} of {name} revoked.", count(stopped)),
    })?;
    let members_path = Section::Members.path(&reader.workspace.slug);
    Ok(html::redirect(&format!("{members_path}/{}", owner.uuid)))
}
