//! Page that renames a token.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::kept_form::Prefill;
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
    layout: WorkspaceLayout,
    path: String,
    current_name: String,
    name: Field,
}

impl RenamePage {
    fn new(member: &CurrentMember, token: &Token, name: Field) -> Self {
        Self {
            layout: WorkspaceLayout::new(member, Section::Tokens),
            path: path_of(member, &token.uuid),
            current_name: token.name.as_str().to_owned(),
            name,
        }
    }
}

/// `GET /w/{slug}/settings/tokens/{uuid}/rename`
pub(crate) async fn show(
    app: web::Data<AppState>,
    TokenHolder(member): TokenHolder,
    path: TokenPath,
    prefill: Prefill,
) -> Result<HttpResponse, PageError> {
    let token = find(&app, &member, &path).await?;
    let mut page = RenamePage::new(&member, &token, Field::new(&token.name));
    page.layout.flash = prefill.flash();
    prefill.fill([("name", &mut page.name)]);
    Ok(html::ok(&page))
}

/// `POST /w/{slug}/settings/tokens/{uuid}`
pub(crate) async fn submit(
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
        |name: Field| Ok(html::render(StatusCode::UNPROCESSABLE_ENTITY, &RenamePage::new(&member, &token, name)));
    let Some(name) = name else { return reject(field) };

    let (owner, uuid, new_name) = (TokenOwner::from(&member), token.uuid, name.clone());
    let actor = member.user.actor(client, app.clock.now());
    match app.db.write(move |conn| rename(conn, &owner, &uuid, &new_name, &actor)).await {
        Ok(()) => {
            session.flash(&format!("Token {} renamed to {name}.", token.name))?;
            Ok(html::redirect(&Section::Tokens.path(&member.workspace.slug)))
        }
        Err(TokenChangeError::NameTaken) => {
            reject(field.with_error("You already have a token with this name. Choose a different one."))
        }
        Err(error) => Err(error.into()),
    }
}
