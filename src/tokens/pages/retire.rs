//! Page that ends the old value of a token during a rotation.

use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::session::BrowserSession;
use crate::base::client_info::ClientInfo;
use crate::tokens::extract::TokenHolder;
use crate::tokens::pages::list::{TokenAction, TokenPath, find};
use crate::tokens::rotate::{RetireOutcome, retire};
use crate::tokens::view::{RotationStatus, TokenView};
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::form::Form;
use crate::web::html;
use crate::workspaces::layout::{Section, WorkspaceLayout};

#[derive(Template)]
#[template(path = "tokens/retire.html")]
struct RetirePage {
    layout: WorkspaceLayout,
    row: TokenView,
    rotation: RotationStatus,
}

/// `GET /w/{slug}/settings/tokens/{uuid}/retire`: confirmation page.
pub(crate) async fn show(
    app: web::Data<AppState>,
    TokenHolder(member): TokenHolder,
    path: TokenPath,
) -> Result<HttpResponse, PageError> {
    let token = find(&app, &member, &path).await?;
    let layout = WorkspaceLayout::new(&member, Section::Tokens);
    let mut row = TokenView::new(&token, &layout.tokens_path, app.clock.now());
    Ok(match row.rotation.take() {
        Some(rotation) => html::ok(&RetirePage { layout, row, rotation }),
        // The old value has already ended.
        None => html::redirect(&layout.tokens_path),
    })
}

/// `POST /w/{slug}/settings/tokens/{uuid}/retire`
pub(crate) async fn submit(
    app: web::Data<AppState>,
    TokenHolder(member): TokenHolder,
    path: TokenPath,
    session: BrowserSession,
    client: ClientInfo,
    _: Form,
) -> Result<HttpResponse, PageError> {
    let TokenAction { owner, uuid, actor } = TokenAction::new(&app, &member, &path, client)?;
    match app.db.write(move |conn| retire(conn, &owner, &uuid, &actor)).await? {
        RetireOutcome::Stopped(name) => session.flash(&format!("Old value of token {name} stopped."))?,
        RetireOutcome::AlreadyStopped(name) => {
            session.note(&format!("The old value of token {name} had already stopped."))?;
        }
    }
    Ok(html::redirect(&Section::Tokens.path(&member.workspace.slug)))
}
