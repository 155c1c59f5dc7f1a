//! Page that deletes a token.

use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::session::BrowserSession;
use crate::base::client_info::ClientInfo;
use crate::tokens::delete::{DeleteOutcome, delete};
use crate::tokens::extract::TokenHolder;
use crate::tokens::model::{Deletion, DeletionSource, TokenOwner};
use crate::tokens::pages::list::{TokenPath, find, token_id};
use crate::tokens::view::TokenView;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::form::Form;
use crate::web::html;
use crate::workspaces::layout::{Section, WorkspaceLayout};

#[derive(Template)]
#[template(path = "tokens/delete.html")]
struct DeletePage {
    shell: WorkspaceLayout,
    tokens_path: String,
    row: TokenView,
}

/// `GET /w/{slug}/settings/tokens/{uuid}/delete`: confirmation page for browsers without the dialog.
pub async fn show(
    app: web::Data<AppState>,
    TokenHolder(member): TokenHolder,
    path: TokenPath,
) -> Result<HttpResponse, PageError> {
    let token = find(&app, &member, &path).await?;
    let tokens_path = Section::Tokens.path(&member.workspace.slug);
    Ok(html::ok(&DeletePage {
        row: TokenView::of(&token, &tokens_path, app.clock.now()),
        shell: WorkspaceLayout::new(&member, Section::Tokens),
        tokens_path,
    }))
}

/// `POST /w/{slug}/settings/tokens/{uuid}/delete`
pub async fn submit(
    app: web::Data<AppState>,
    TokenHolder(member): TokenHolder,
    path: TokenPath,
    session: BrowserSession,
    client: ClientInfo,
    _: Form,
) -> Result<HttpResponse, PageError> {
    let (uuid, owner) = (token_id(&path)?, TokenOwner::from(&member));
    let by = Some((owner.user, owner.email.clone()));
    let deletion = Deletion { via: DeletionSource::Page, by, client: Some(client), at: app.clock.now() };
    let message = match app.db.write(move |conn| delete(conn, &owner, &uuid, &deletion)).await? {
        DeleteOutcome::Deleted(name) => format!("Token {} deleted.", name.as_str()),
        // A second click or another tab: the token is deleted, so this is a success.
        DeleteOutcome::AlreadyDeleted(name) => format!("Token {} was deleted before.", name.as_str()),
        DeleteOutcome::NotFound => return Err(PageError::NotFound),
    };
    session.flash(&message)?;
    Ok(html::redirect(&Section::Tokens.path(&member.workspace.slug)))
}
