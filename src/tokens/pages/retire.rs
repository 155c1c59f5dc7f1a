//! Stopping the old value of a token that is being rotated.

use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::session::BrowserSession;
use crate::base::client_info::Client;
use crate::tokens::extract::Holder;
use crate::tokens::model::{ChangeError, Owner};
use crate::tokens::pages::list::{TokenPath, find, token_id};
use crate::tokens::rotate::{Retired, retire};
use crate::tokens::view::{Band, Row};
use crate::web::app_state::App;
use crate::web::error::PageError;
use crate::web::form::Form;
use crate::web::html;
use crate::workspaces::layout::{Section, Shell};

#[derive(Template)]
#[template(path = "tokens/retire.html")]
struct RetirePage {
    shell: Shell,
    tokens_path: String,
    row: Row,
    band: Band,
}

/// `GET /w/{slug}/settings/tokens/{uuid}/retire`: asks before the old value is stopped.
pub async fn show(app: web::Data<App>, Holder(member): Holder, path: TokenPath) -> Result<HttpResponse, PageError> {
    let token = find(&app, &member, &path).await?;
    let tokens_path = Section::Tokens.path(&member.workspace.slug);
    let mut row = Row::of(&token, &tokens_path, app.clock.now());
    Ok(match row.band.take() {
        Some(band) => html::ok(&RetirePage { shell: Shell::around(&member, Section::Tokens), tokens_path, row, band }),
        // It has stopped meanwhile.
        None => html::see_other(&tokens_path),
    })
}

/// `POST /w/{slug}/settings/tokens/{uuid}/retire`
pub async fn submit(
    app: web::Data<App>,
    Holder(member): Holder,
    path: TokenPath,
    session: BrowserSession,
    client: Client,
    _: Form,
) -> Result<HttpResponse, PageError> {
    let (owner, uuid, now) = (Owner::from(&member), token_id(&path)?, app.clock.now());
    let said = match app.db.write(move |conn| retire(conn, &owner, &uuid, Some(&client), now)).await {
        Ok(Retired::Now(name)) => format!("The old value of token {} has stopped.", name.as_str()),
        Ok(Retired::Before(name)) => format!("The old value of token {} had stopped before.", name.as_str()),
        Err(
            ChangeError::Missing | ChangeError::UnderWay(_) | ChangeError::AlreadyRotated(_) | ChangeError::NameTaken,
        ) => return Err(PageError::NotFound),
        Err(ChangeError::Db(error)) => return Err(error.into()),
    };
    session.flash(&said)?;
    Ok(html::see_other(&Section::Tokens.path(&member.workspace.slug)))
}
