//! Renaming a token, and whether its value has been used yet.

use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use askama::Template;

use super::{TokenPath, find, token_id};
use crate::accounts::session::BrowserSession;
use crate::kernel::app::App;
use crate::kernel::error::PageError;
use crate::kernel::web::client::Client;
use crate::kernel::web::form::{Field, Form};
use crate::kernel::web::page;
use crate::tokens::extract::Holder;
use crate::tokens::life::{ChangeError, rename};
use crate::tokens::{Owner, TokenName};
use crate::workspaces::shell::{Section, Shell};

#[derive(Template)]
#[template(path = "tokens/rename.html")]
struct RenamePage {
    shell: Shell,
    tokens_path: String,
    path: String,
    present: String,
    name: Field,
}

/// `GET /w/{slug}/settings/tokens/{uuid}`
pub async fn show(app: web::Data<App>, Holder(member): Holder, path: TokenPath) -> Result<HttpResponse, PageError> {
    let token = find(&app, &member, &path).await?;
    let tokens_path = Section::Tokens.path(&member.workspace.slug);
    Ok(page::ok(&RenamePage {
        shell: Shell::around(&member, Section::Tokens),
        path: format!("{tokens_path}/{}", token.uuid),
        tokens_path,
        present: token.name.as_str().to_owned(),
        name: Field::of(token.name.as_str()),
    }))
}

/// `POST /w/{slug}/settings/tokens/{uuid}`
pub async fn submit(
    app: web::Data<App>,
    Holder(member): Holder,
    path: TokenPath,
    session: BrowserSession,
    client: Client,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let token = find(&app, &member, &path).await?;
    let (field, name) = Field::read::<TokenName>(&form, "name");
    let tokens_path = Section::Tokens.path(&member.workspace.slug);
    let refuse = |name: Field| {
        let refused = RenamePage {
            shell: Shell::around(&member, Section::Tokens),
            path: format!("{tokens_path}/{}", token.uuid),
            tokens_path: tokens_path.clone(),
            present: token.name.as_str().to_owned(),
            name,
        };
        Ok(page::answer(StatusCode::UNPROCESSABLE_ENTITY, &refused))
    };
    let Some(name) = name else { return refuse(field) };

    let (owner, uuid, now, new_name) = (Owner::from(&member), token_id(&path)?, app.clock.now(), name.clone());
    match app.db.write(move |conn| rename(conn, &owner, &uuid, &new_name, Some(&client), now)).await {
        Ok(()) => {
            session.flash(&format!("Token {} is called {} now.", token.name.as_str(), name.as_str()))?;
            Ok(page::see_other(&tokens_path))
        }
        Err(ChangeError::NameTaken) => {
            refuse(field.refused("You have another token with this name. Choose a different one."))
        }
        Err(ChangeError::Missing | ChangeError::UnderWay(_) | ChangeError::AlreadyRotated(_)) => {
            Err(PageError::NotFound)
        }
        Err(ChangeError::Db(error)) => Err(error.into()),
    }
}

/// Has the current value of a token been used yet?
#[derive(serde::Serialize)]
struct FirstCall {
    used: bool,
    at: Option<String>,
    ip: Option<String>,
}

/// `GET /w/{slug}/settings/tokens/{uuid}/use.json`: for the page that waits for the first call.
pub async fn first_call(
    app: web::Data<App>,
    Holder(member): Holder,
    path: TokenPath,
) -> Result<HttpResponse, PageError> {
    let last = find(&app, &member, &path).await?.current.last_use;
    let at = last.as_ref().map(|last| last.at.to_string());
    let body = FirstCall { used: last.is_some(), at, ip: last.and_then(|last| last.ip) };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(body))
}
