//! The page that removes a member.

use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::session::BrowserSession;
use crate::base::client_info::ClientInfo;
use crate::members::model::MemberError;
use crate::members::pages::list::{MemberAction, MemberPath, MemberView, deleted, find};
use crate::members::pages::member::refuse;
use crate::members::remove::remove_member;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::form::Form;
use crate::web::html;
use crate::workspaces::extract::Administrator;
use crate::workspaces::layout::{Section, WorkspaceLayout};

#[derive(Template)]
#[template(path = "members/remove.html")]
struct RemovePage {
    layout: WorkspaceLayout,
    member: MemberView,
}

/// `GET /w/{slug}/settings/members/{member}/remove`: the confirmation page for browsers without a dialog.
pub(crate) async fn show(
    app: web::Data<AppState>,
    Administrator(reader): Administrator,
    path: MemberPath,
) -> Result<HttpResponse, PageError> {
    let found = find(&app, &reader, &path).await?;
    if found.is_last {
        return refuse(&app, &reader, &path).await;
    }
    Ok(html::ok(&RemovePage { layout: WorkspaceLayout::new(&reader, Section::Members), member: found.view }))
}

/// `POST /w/{slug}/settings/members/{member}/remove`
pub(crate) async fn submit(
    app: web::Data<AppState>,
    Administrator(reader): Administrator,
    path: MemberPath,
    session: BrowserSession,
    client: ClientInfo,
    _: Form,
) -> Result<HttpResponse, PageError> {
    let action = MemberAction::new(&app, &reader, &path, client)?;
    let remove = move |conn: &mut _| remove_member(conn, &action.workspace, &action.uuid, &action.actor);
    let (removed, tokens) = match app.db.write(remove).await {
        Err(MemberError::LastAdministrator) => return refuse(&app, &reader, &path).await,
        result => result?,
    };
    let (name, workspace) = (removed.name.as_str(), reader.workspace.profile.name.as_str());
    // A user who removed themselves has no access to the members page.
    let is_self = removed.uuid == reader.user.uuid;
    session.flash(&if is_self {
        format!("You have left {workspace}.{}", deleted(tokens))
    } else {
        format!("{name} is no longer a member of {workspace}.{}", deleted(tokens))
    })?;
    let next = if is_self { "/".to_owned() } else { Section::Members.path(&reader.workspace.slug) };
    Ok(html::redirect(&next))
}
