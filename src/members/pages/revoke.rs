//! Revoking a token, whosever it is.

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
    /// Whose it is.
    owner: String,
    email: String,
}

/// `GET /w/{slug}/settings/members/tokens/{uuid}/revoke`: asks, and says what breaks.
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
    let order = MemberAction::of(&app, &reader, &path, client)?;
    let said = match app.db.write(move |conn| revoke(conn, &order.workspace, &order.uuid, &order.act)).await? {
        DeleteOutcome::Deleted(name) => format!("Token {} revoked.", name.as_str()),
        // A second click, another administrator, or its owner: what was asked is done.
        DeleteOutcome::AlreadyDeleted(name) => format!("Token {} was deleted before.", name.as_str()),
        DeleteOutcome::NotFound => return Err(PageError::NotFound),
    };
    session.flash(&said)?;
    Ok(html::redirect(&tokens_path(&Section::Members.path(&reader.workspace.slug))))
}
