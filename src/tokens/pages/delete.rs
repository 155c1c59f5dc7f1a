//! Deleting a token.

use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::session::BrowserSession;
use crate::base::client_info::Client;
use crate::tokens::delete::{Deleted, delete};
use crate::tokens::extract::Holder;
use crate::tokens::model::{Deletion, Owner, Via};
use crate::tokens::pages::list::{TokenPath, find, token_id};
use crate::tokens::view::Row;
use crate::web::app_state::App;
use crate::web::error::PageError;
use crate::web::form::Form;
use crate::web::html;
use crate::workspaces::layout::{Section, Shell};

#[derive(Template)]
#[template(path = "tokens/delete.html")]
struct DeletePage {
    shell: Shell,
    tokens_path: String,
    row: Row,
}

/// `GET /w/{slug}/settings/tokens/{uuid}/delete`: asks, where a dialog can't.
pub async fn show(app: web::Data<App>, Holder(member): Holder, path: TokenPath) -> Result<HttpResponse, PageError> {
    let token = find(&app, &member, &path).await?;
    let tokens_path = Section::Tokens.path(&member.workspace.slug);
    Ok(html::ok(&DeletePage {
        row: Row::of(&token, &tokens_path, app.clock.now()),
        shell: Shell::around(&member, Section::Tokens),
        tokens_path,
    }))
}

/// `POST /w/{slug}/settings/tokens/{uuid}/delete`
pub async fn submit(
    app: web::Data<App>,
    Holder(member): Holder,
    path: TokenPath,
    session: BrowserSession,
    client: Client,
    _: Form,
) -> Result<HttpResponse, PageError> {
    let (uuid, owner) = (token_id(&path)?, Owner::from(&member));
    let by = Some((owner.user, owner.email.clone()));
    let deletion = Deletion { via: Via::Page, by, client: Some(client), at: app.clock.now() };
    let said = match app.db.write(move |conn| delete(conn, &owner, &uuid, &deletion)).await? {
        Deleted::Now(name) => format!("Token {} deleted.", name.as_str()),
        // A second click, or another tab: what was asked is done.
        Deleted::Before(name) => format!("Token {} was deleted before.", name.as_str()),
        Deleted::Missing => return Err(PageError::NotFound),
    };
    session.flash(&said)?;
    Ok(html::see_other(&Section::Tokens.path(&member.workspace.slug)))
}
