//! The list of all tokens in a workspace, for administrators.

use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::session::BrowserSession;
use crate::members::pages::list::tokens_path;
use crate::members::token_filter::TokenFilter;
use crate::tokens::store as tokens;
use crate::tokens::view::TokenView;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::filter_link::FilterLink;
use crate::web::html;
use crate::workspaces::extract::Administrator;
use crate::workspaces::layout::{Section, WorkspaceLayout};

/// A token with its owner.
struct OwnedTokenView {
    row: TokenView,
    owner: String,
    email: String,
    /// The path of the owner's page.
    owner_path: String,
}

#[derive(Template)]
#[template(path = "members/tokens.html")]
struct TokensPage {
    shell: WorkspaceLayout,
    members_path: String,
    choices: Vec<FilterLink>,
    held: Vec<OwnedTokenView>,
    /// The number of tokens before filtering.
    total: usize,
}

/// The query string of the list.
#[derive(serde::Deserialize)]
pub struct Filter {
    filter: Option<String>,
}

/// `GET /w/{slug}/settings/members/tokens`
pub async fn list(
    app: web::Data<AppState>,
    Administrator(reader): Administrator,
    query: Result<web::Query<Filter>, actix_web::Error>,
    session: BrowserSession,
) -> Result<HttpResponse, PageError> {
    let filter = query.ok().and_then(|query| TokenFilter::from_query(query.filter.as_deref()?));
    let (workspace, now) = (reader.workspace.key, app.clock.now());
    let all = app.db.read(move |conn| tokens::list_by_workspace(conn, workspace)).await?;
    let members_path = Section::Members.path(&reader.workspace.slug);
    let tokens_path = tokens_path(&members_path);

    let mut choices = vec![FilterLink::new("All", Some(all.len()), tokens_path.clone(), filter.is_none())];
    choices.extend(TokenFilter::ALL.map(|it| {
        let count = all.iter().filter(|(token, _)| it.matches(token, now)).count();
        FilterLink::new(it.label(), Some(count), format!("{tokens_path}?filter={}", it.as_str()), filter == Some(it))
    }));
    let chosen = all.iter().filter(|(token, _)| filter.is_none_or(|filter| filter.matches(token, now)));
    let held = chosen.map(|(token, owner)| OwnedTokenView {
        row: TokenView::of(token, &tokens_path, now),
        owner: owner.name.as_str().to_owned(),
        email: owner.email.as_str().to_owned(),
        owner_path: format!("{members_path}/{}", owner.uuid),
    });
    Ok(html::ok(&TokensPage {
        shell: WorkspaceLayout::new(&reader, Section::Members).with_flash(session.take_flash()),
        choices,
        held: held.collect(),
        total: all.len(),
        members_path,
    }))
}
