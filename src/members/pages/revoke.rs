//! The page where an administrator revokes any member's token.

use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::session::BrowserSession;
use crate::base::client_info::ClientInfo;
use crate::members::pages::list::{MemberAction, MemberPath, id, tokens_path};
use crate::members::revoke_tokens::revoke;
use crate::tokens::delete::DeleteOutcome;
use crate::tokens::owner_store as tokens;
use crate::tokens::view::TokenView;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::form::Form;
use crate::web::html;
use crate::workspaces::extract::Administrator;
use crate::workspaces::layout::{Section, WorkspaceLayout};

#[derive(Template)]
#[template(path = "members/revoke.html")]
struct RevokePage {
    layout: WorkspaceLayout,
    tokens_path: String,
    token: TokenView,
    /// The owner's name.
    owner: String,
    email: String,
}

/// `GET /w/{slug}/settings/members/tokens/{uuid}/revoke`: the confirmation page, with the consequences.
pub(crate) async fn show(
    app: web::Data<AppState>,
    Administrator(reader): Administrator,
    path: MemberPath,
) -> Result<HttpResponse, PageError> {
    let (workspace, uuid) = (reader.workspace.key, id(&path)?);
    let found = app.db.read(move |conn| tokens::find_in_workspace(conn, workspace, &uuid)).await?;
    let (token, owner) = found.ok_or(PageError::NotFound)?;
    let layout = WorkspaceLayout::new(&reader, Section::Members);
    let tokens_path = tokens_path(&layout.members_path);
    Ok(html::ok(&RevokePage {
        token: TokenView::new(&token, &tokens_path, app.clock.now()),
        owner: owner.name.as_str().to_owned(),
        email: owner.email.as_str().to_owned(),
        layout,
        tokens_path,
    }))
}

/// `POST /w/{slug}/settings/members/tokens/{uuid}/revoke`
pub(crate) async fn submit(
    app: web::Data<AppState>,
    Administrator(reader): Administrator,
    path: MemberPath,
    session: BrowserSession,
    client: ClientInfo,
    _: Form,
) -> Result<HttpResponse, PageError> {
    let action = MemberAction::new(&app, &reader, &path, client)?;
    match app.db.write(move |conn| revoke(conn, &action.workspace, &action.uuid, &action.actor)).await? {
        DeleteOutcome::Deleted(name) => session.flash(&format!("Token {name} revoked."))?,
        // A repeated request, or another user deleted the token first: the goal is reached, so this is no error.
        DeleteOutcome::AlreadyDeleted(name) => session.note(&format!("Token {name} had already been deleted."))?,
        DeleteOutcome::NotFound => return Err(PageError::NotFound),
    }
    Ok(html::redirect(&tokens_path(&Section::Members.path(&reader.workspace.slug))))
}
