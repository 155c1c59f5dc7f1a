//! The page that revokes all tokens of a member.

use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::session::BrowserSession;
use crate::base::client_info::ClientInfo;
use crate::members::model::count_tokens;
use crate::members::pages::list::{MemberAction, MemberPath, MemberView, find};
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
    layout: WorkspaceLayout,
    member: MemberView,
}

/// `GET /w/{slug}/settings/members/{member}/revoke`: the confirmation page for browsers without a dialog.
pub(crate) async fn show(
    app: web::Data<AppState>,
    Administrator(reader): Administrator,
    path: MemberPath,
) -> Result<HttpResponse, PageError> {
    let member = find(&app, &reader, &path).await?.view;
    Ok(html::ok(&RevokeAllPage { layout: WorkspaceLayout::new(&reader, Section::Members), member }))
}

/// `POST /w/{slug}/settings/members/{member}/revoke`
pub(crate) async fn submit(
    app: web::Data<AppState>,
    Administrator(reader): Administrator,
    path: MemberPath,
    session: BrowserSession,
    client: ClientInfo,
    _: Form,
) -> Result<HttpResponse, PageError> {
    let action = MemberAction::new(&app, &reader, &path, client)?;
    let revoke = move |conn: &mut _| revoke_all(conn, &action.workspace, &action.uuid, &action.actor);
    let (owner, deleted) = app.db.write(revoke).await?;
    let name = owner.name.as_str();
    match deleted {
        0 => session.note(&format!("{name} has no tokens in this workspace."))?,
        _ => session.flash(&format!("{} of {name} revoked.", count_tokens(deleted)))?,
    }
    let members_path = Section::Members.path(&reader.workspace.slug);
    Ok(html::redirect(&format!("{members_path}/{}", owner.uuid)))
}
