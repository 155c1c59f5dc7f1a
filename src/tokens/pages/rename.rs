//! Page that renames a token.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::session::BrowserSession;
use crate::base::client_info::ClientInfo;
use crate::tokens::extract::TokenHolder;
use crate::tokens::model::{Token, TokenChangeError, TokenName, TokenOwner};
use crate::tokens::pages::list::{TokenPath, find, path_of};
use crate::tokens::rename::rename;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::form::{Field, Form};
use crate::web::html;
use crate::workspaces::extract::CurrentMember;
use crate::workspaces::layout::{Section, WorkspaceLayout};

#[derive(Template)]
#[template(path = "tokens/rename.html")]
struct RenamePage {
    shell: WorkspaceLayout,
    tokens_path: String,
    path: String,
    present: String,
    name: Field,
}

impl RenamePage {
    fn of(member: &CurrentMember, token: &Token, name: Field) -> Self {
        Self {
            shell: WorkspaceLayout::new(member, Section::Tokens),
            tokens_path: Section::Tokens.path(&member.workspace.slug),
            path: path_of(member, &token.uuid),
            present: token.name.as_str().to_owned(),
            name,
        }
    }
}

/// `GET /w/{slug}/settings/tokens/{uuid}`
pub async fn show(
    app: web::Data<AppState>,
    TokenHolder(member): TokenHolder,
    path: TokenPath,
) -> Result<HttpResponse, PageError> {
    let token = find(&app, &member, &path).await?;
    Ok(html::ok(&RenamePage::of(&member, &token, Field::new(token.name.as_str()))))
}

/// `POST /w/{slug}/settings/tokens/{uuid}`
pub async fn submit(
    app: web::Data<AppState>,
    TokenHolder(member): TokenHolder,
    path: TokenPath,
    session: BrowserSession,
    client: ClientInfo,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let token = find(&app, &member, &path).await?;
    let (field, name) = Field::read::<TokenName>(&form, "name");
    let reject =
        |name: Field| Ok(html::render(StatusCode::UNPROCESSABLE_ENTITY, &RenamePage::of(&member, &token, name)));
    let Some(name) = name else { return reject(field) };

    let (owner, uuid, now, new_name) = (TokenOwner::from(&member), token.uuid, app.clock.now(), name.clone());
    match app.db.write(move |conn| rename(conn, &owner, &uuid, &new_name, Some(&client), now)).await {
        Ok(()) => {
            session.flash(&format!("Token {} is called {} now.", token.name.as_str(), name.as_str()))?;
            Ok(html::redirect(&Section::Tokens.path(&member.workspace.slug)))
        }
        Err(TokenChangeError::NameTaken) => {
            reject(field.with_error("You have another token with this name. Choose a different one."))
        }
        Err(
            TokenChangeError::NotFound | TokenChangeError::RotationInProgress(_) | TokenChangeError::AlreadyRotated(_),
        ) => Err(PageError::NotFound),
        Err(TokenChangeError::Db(error)) => Err(error.into()),
    }
}
