//! The page where an administrator revokes any member's token.

use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::session::BrowserSession;
use crate::base::client_info::ClientInfo;
use crate::members::pages::list::{MemberAction, MemberPath, id, tokens_path};
use crate::members::revoke_tokens::revoke;
use crate::tokens::delete::DeleteOutcome;
use crate::tokens::store as tokens;
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
    shell: WorkspaceLayout,
    members_path: String,
    tokens_path: String,
    row: TokenView,
    /// The owner's name.
    owner: String,
    email: String,
}

/// `GET /w/{slug}/settings/members/tokens/{uuid}/revoke`: the confirmation page, with the consequences.
pub async fn show(
    app: web::Data<AppState>,
    Administrator(reader): Administrator,
    path: MemberPath,
) -> Result<HttpResponse, PageError> {
    let (workspace, uuid) = (reader.workspace.key, id(&path)?);
    let found = app.db.read(move |conn| tokens::find_in_workspace(conn, workspace, &uuid)).await?;
    let (token, owner) = found.ok_or(PageError::NotFound)?;
    let members_path = Section::Members.path(&reader.workspace.slug);
    let tokens_path = tokens_path(&members_path);
    Ok(html::ok(&RevokePage {
        shell: WorkspaceLayout::new(&reader, Section::Members),
        row: TokenView::of(&token, &tokens_path, app.clock.now()),
        owner: owner.name.as_str().to_owned(),
        email: owner.email.as_str().to_owned(),
        members_path,
        tokens_path,
    }))
}

/// `POST /w/{slug}/settings/members/tokens/{uuid}/revoke`
pub async fn submit(
    app: web::Data<AppState>,
    Administrator(reader): Administrator,
    path: MemberPath,
    session: BrowserSession,
    client: ClientInfo,
    _: Form,
) -> Result<HttpResponse, PageError> {
    let action = MemberAction::of(&app, &reader, &path, client)?;
    let message = match app.db.write(move |conn| revoke(conn, &action.workspace, &action.uuid, &action.act)).await? {
        DeleteOutcome::Deleted(name) => format!("Token {} revoked.", name.as_str()),
        // A repeated request, or another user deleted the token first: the goal is reached, so this is no error.
        DeleteOutcome::AlreadyDeleted(name) => format!("Token {} was deleted before.", name.as_str()),
        DeleteOutcome::NotFound => return Err(PageError::NotFound),
    };
    session.flash(&message)?;
    Ok(html::redirect(&tokens_path(&Section::Members.path(&reader.workspace.slug))))
}
