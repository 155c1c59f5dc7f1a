//! Page that ends the old value of a token during a rotation.

use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::session::BrowserSession;
use crate::base::client_info::ClientInfo;
use crate::tokens::extract::TokenHolder;
use crate::tokens::model::{TokenChangeError, TokenOwner};
use crate::tokens::pages::list::{TokenPath, find, token_id};
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
    shell: WorkspaceLayout,
    tokens_path: String,
    row: TokenView,
    band: RotationStatus,
}

/// `GET /w/{slug}/settings/tokens/{uuid}/retire`: confirmation page.
pub async fn show(
    app: web::Data<AppState>,
    TokenHolder(member): TokenHolder,
    path: TokenPath,
) -> Result<HttpResponse, PageError> {
    let token = find(&app, &member, &path).await?;
    let tokens_path = Section::Tokens.path(&member.workspace.slug);
    let mut row = TokenView::of(&token, &tokens_path, app.clock.now());
    Ok(match row.band.take() {
        Some(band) => {
            html::ok(&RetirePage { shell: WorkspaceLayout::new(&member, Section::Tokens), tokens_path, row, band })
        }
        // The old value has already ended.
        None => html::redirect(&tokens_path),
    })
}

/// `POST /w/{slug}/settings/tokens/{uuid}/retire`
pub async fn submit(
    app: web::Data<AppState>,
    TokenHolder(member): TokenHolder,
    path: TokenPath,
    session: BrowserSession,
    client: ClientInfo,
    _: Form,
) -> Result<HttpResponse, PageError> {
    let (owner, uuid, now) = (TokenOwner::from(&member), token_id(&path)?, app.clock.now());
    let message = match app.db.write(move |conn| retire(conn, &owner, &uuid, Some(&client), now)).await {
        Ok(RetireOutcome::Stopped(name)) => format!("The old value of token {} has stopped.", name.as_str()),
        Ok(RetireOutcome::AlreadyStopped(name)) => {
            format!("The old value of token {} had stopped before.", name.as_str())
        }
        Err(
            TokenChangeError::NotFound
            | TokenChangeError::RotationInProgress(_)
            | TokenChangeError::AlreadyRotated(_)
            | TokenChangeError::NameTaken,
        ) => return Err(PageError::NotFound),
        Err(TokenChangeError::Db(error)) => return Err(error.into()),
    };
    session.flash(&message)?;
    Ok(html::redirect(&Section::Tokens.path(&member.workspace.slug)))
}
