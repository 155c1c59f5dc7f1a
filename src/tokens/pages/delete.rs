//! Page that deletes a token.

use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::session::BrowserSession;
use crate::base::client_info::ClientInfo;
use crate::tokens::delete::{DeleteOutcome, delete};
use crate::tokens::extract::TokenHolder;
use crate::tokens::model::DeletionSource;
use crate::tokens::pages::list::{TokenAction, TokenPath, find};
use crate::tokens::view::TokenView;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::form::Form;
use crate::web::html;
use crate::workspaces::layout::{Section, WorkspaceLayout};

#[derive(Template)]
#[template(path = "tokens/delete.html")]
struct DeletePage {
    layout: WorkspaceLayout,
    row: TokenView,
}

/// `GET /w/{slug}/settings/tokens/{uuid}/delete`: confirmation page for browsers without the dialog.
pub(crate) async fn show(
    app: web::Data<AppState>,
    TokenHolder(member): TokenHolder,
    path: TokenPath,
) -> Result<HttpResponse, PageError> {
    let token = find(&app, &member, &path).await?;
    let layout = WorkspaceLayout::new(&member, Section::Tokens);
    let row = TokenView::new(&token, &layout.tokens_path, app.clock.now());
    Ok(html::ok(&DeletePage { layout, row }))
}

/// `POST /w/{slug}/settings/tokens/{uuid}/delete`
pub(crate) async fn submit(
    app: web::Data<AppState>,
    TokenHolder(member): TokenHolder,
    path: TokenPath,
    session: BrowserSession,
    client: ClientInfo,
    _: Form,
) -> Result<HttpResponse, PageError> {
    let TokenAction { owner, uuid, actor } = TokenAction::new(&app, &member, &path, client)?;
    match app.db.write(move |conn| delete(conn, &owner, &uuid, DeletionSource::Page, &actor)).await? {
        DeleteOutcome::Deleted(name) => session.flash(&format!("Token {name} deleted."))?,
        // A second click or another tab: the token is deleted, so this is a success.
        DeleteOutcome::AlreadyDeleted(name) => session.note(&format!("Token {name} had already been deleted."))?,
        DeleteOutcome::NotFound => return Err(PageError::NotFound),
    }
    Ok(html::redirect(&Section::Tokens.path(&member.workspace.slug)))
}
