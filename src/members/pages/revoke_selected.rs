//! The page where an administrator revokes the tokens that are selected in the list.

use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::session::BrowserSession;
use crate::base::client_info::ClientInfo;
use crate::base::id::PublicId;
use crate::members::model::count_tokens;
use crate::members::pages::list::tokens_path;
use crate::members::revoke_tokens::{RevokedTokens, revoke_selected};
use crate::tokens::owner_store as tokens;
use crate::tokens::view::TokenView;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::form::Form;
use crate::web::html;
use crate::workspaces::extract::{Administrator, CurrentMember};
use crate::workspaces::layout::{Section, WorkspaceLayout};

/// Maximum number of tokens in one request: twice the rows of a page.
const SELECTED_MAX: usize = 100;

/// A selected token.
struct SelectedToken {
    token: TokenView,
    owner: String,
    email: String,
}

#[derive(Template)]
#[template(path = "members/revoke_selected.html")]
struct RevokeSelectedPage {
    layout: WorkspaceLayout,
    tokens_path: String,
    tokens: Vec<SelectedToken>,
    /// The identifiers of the tokens, separated by commas.
    selected: String,
    /// What was selected and is no token of the workspace any more: a sentence, or empty.
    missing: String,
}

impl RevokeSelectedPage {
    fn question(&self) -> String {
        format!("Revoke {}?", count_tokens(self.tokens.len()))
    }

    fn button(&self) -> String {
        format!("Revoke {}", count_tokens(self.tokens.len()))
    }
}

/// Reads identifiers. Others than identifiers count as missing tokens.
fn parse<'a>(texts: impl Iterator<Item = &'a str>) -> (Vec<PublicId>, usize) {
    let mut selected: Vec<PublicId> = Vec::new();
    let mut invalid = 0;
    for text in texts.filter(|text| !text.is_empty()).take(SELECTED_MAX) {
        match text.parse() {
            Ok(uuid) if selected.contains(&uuid) => {}
            Ok(uuid) => selected.push(uuid),
            Err(_) => invalid += 1,
        }
    }
    (selected, invalid)
}

fn list_path(reader: &CurrentMember) -> String {
    tokens_path(&Section::Members.path(&reader.workspace.slug))
}

/// `GET /w/{slug}/settings/members/tokens/revoke?token=…&token=…`: the confirmation page, with the consequences.
pub(crate) async fn show(
    app: web::Data<AppState>,
    Administrator(reader): Administrator,
    query: Result<web::Query<Vec<(String, String)>>, actix_web::Error>,
) -> Result<HttpResponse, PageError> {
    let pairs = query.map(web::Query::into_inner).unwrap_or_default();
    let (selected, invalid) = parse(pairs.iter().filter(|(name, _)| name == "token").map(|(_, text)| text.as_str()));
    let (workspace, count, now) = (reader.workspace.key, selected.len(), app.clock.now());
    let found = app.db.read(move |conn| tokens::list_in_workspace(conn, workspace, &selected)).await?;
    let missing = match count + invalid - found.len() {
        0 => String::new(),
        1 => "1 selected token is not listed: it was deleted, or it does not belong to this workspace.".to_owned(),
        more => {
            format!("{more} selected tokens are not listed: they were deleted, or do not belong to this workspace.")
        }
    };
    let layout = WorkspaceLayout::new(&reader, Section::Members);
    let tokens_path = tokens_path(&layout.members_path);
    let uuids: Vec<String> = found.iter().map(|(token, _)| token.uuid.to_string()).collect();
    let tokens = found
        .iter()
        .map(|(token, owner)| SelectedToken {
            token: TokenView::new(token, &tokens_path, now),
            owner: owner.name.as_str().to_owned(),
            email: owner.email.as_str().to_owned(),
        })
        .collect();
    Ok(html::ok(&RevokeSelectedPage { layout, tokens, selected: uuids.join(","), missing, tokens_path }))
}

/// `POST /w/{slug}/settings/members/tokens/revoke`
pub(crate) async fn submit(
    app: web::Data<AppState>,
    Administrator(reader): Administrator,
    session: BrowserSession,
    client: ClientInfo,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let (selected, invalid) = parse(form.text("tokens").split(','));
    let (workspace, actor) = (reader.workspace.clone(), reader.user.actor(client, app.clock.now()));
    let write = move |conn: &mut _| revoke_selected(conn, &workspace, &selected, &actor);
    let RevokedTokens { revoked, already_deleted, unknown } = app.db.write(write).await?;
    let mut text = match revoked {
        0 => "No token was revoked.".to_owned(),
        _ => format!("{} revoked.", count_tokens(revoked)),
    };
    if already_deleted > 0 {
        text = format!("{text} {} had already been deleted.", count_tokens(already_deleted));
    }
    match unknown + invalid {
        0 => {}
        1 => text.push_str(" 1 token does not belong to this workspace."),
        more => text = format!("{text} {more} tokens do not belong to this workspace."),
    }
    session.flash(&text)?;
    Ok(html::redirect(&list_path(&reader)))
}
