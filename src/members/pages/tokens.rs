//! The list of all tokens in a workspace, for administrators.

use actix_web::{HttpResponse, web};
use askama::Template;
use strum::VariantArray as _;

use crate::accounts::session::BrowserSession;
use crate::db::DbError;
use crate::db::list_conditions::Count;
use crate::members::pages::list::tokens_path;
use crate::members::token_list_store::{self, ListedToken, TokenSelection};
use crate::members::token_order::TokenOrder;
use crate::tokens::day_counts::load_strip_days;
use crate::tokens::filter::TokenFilter;
use crate::tokens::filter_store::{self, MATCHES_MAX};
use crate::tokens::view::TokenView;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::html;
use crate::web::list::{HeadView, ListQuery, ListState, ListView};
use crate::workspaces::extract::Administrator;
use crate::workspaces::layout::{Section, WorkspaceLayout};

/// Maximum length of a note in the list, in characters. The token's page has the whole note.
const NOTE_SHOWN: usize = 60;

/// A token with its owner.
struct TokenRow {
    uuid: String,
    token: TokenView,
    /// The beginning of the note.
    note: Option<String>,
    owner: String,
    email: String,
    /// The owner's page, relative to the list: the list has a limit of bytes.
    owner_path: String,
}

#[derive(Template)]
#[template(path = "members/tokens.html")]
struct TokensPage {
    layout: WorkspaceLayout,
    list: ListView,
    tokens: Vec<TokenRow>,
}

/// `GET /w/{slug}/settings/members/tokens`
pub(crate) async fn list(
    app: web::Data<AppState>,
    Administrator(reader): Administrator,
    query: ListQuery,
    session: BrowserSession,
) -> Result<HttpResponse, PageError> {
    let filter = query.filter::<TokenFilter>();
    let (order, direction) = query.order::<TokenOrder>();
    let now = app.clock.now();
    let (words, cursor) = (query.words(), query.cursor.clone());
    let selection = TokenSelection { workspace: reader.workspace.key, filter, words, order, direction, cursor, now };
    let is_search = !selection.words.is_empty();
    let read = move |conn: &mut _| {
        let filters: Vec<_> = std::iter::once(None).chain(TokenFilter::VARIANTS.iter().copied().map(Some)).collect();
        let counts = filter_store::count(conn, selection.workspace, &filters, now)?;
        let is_narrowed = is_search || selection.filter.is_some();
        let matches = if is_narrowed { Some(token_list_store::search(conn, &selection)?) } else { None };
        let few = matches.as_deref().filter(|keys| keys.len() <= MATCHES_MAX);
        let page = token_list_store::page(conn, &selection, few)?;
        let days = load_strip_days(conn, page.rows.iter().map(|listed| &listed.token), now)?;
        Ok::<_, DbError>((counts, matches.map(|keys| keys.len()), page, days))
    };
    let (counts, matches, page, days) = app.db.read(read).await?;

    let layout = WorkspaceLayout::new(&reader, Section::Members).with_flash(session.take_flash());
    let tokens_path = tokens_path(&layout.members_path);
    let state = ListState::<TokenOrder>::new(&tokens_path, &query, filter.map_or("", TokenFilter::as_str));
    let everything = counts.first().copied().unwrap_or(Count { rows: 0, is_more: false });
    let total = matches.map_or(everything, |rows| Count { rows: rows.min(MATCHES_MAX), is_more: rows > MATCHES_MAX });
    // The counts are those without a search.
    let shown = |count: Count| (!is_search).then_some(count);
    let mut filters = vec![state.filter_link("All", "", shown(everything))];
    filters.extend(
        TokenFilter::VARIANTS
            .iter()
            .zip(counts.iter().skip(1))
            .map(|(it, count)| state.filter_link(it.label(), it.as_str(), shown(*count))),
    );
    let heads: Vec<HeadView> = vec![
        state.head("Token", TokenOrder::Name),
        state.head("Owner", TokenOrder::Owner),
        ListState::<TokenOrder>::plain_head("Calls, 30 days"),
        state.head("Last used", TokenOrder::Used),
        state.head("Created", TokenOrder::Created),
        state.head("Expires", TokenOrder::Expires),
    ];
    let list = state.view(&page, total, filters, heads, |row| token_list_store::sort_values(row, order));
    let row = |listed: &ListedToken| TokenRow {
        uuid: listed.token.uuid.to_string(),
        token: TokenView::with_strip(&listed.token, &days, "tokens", now),
        note: listed.token.note.as_ref().map(|note| beginning(note.as_str())),
        owner: listed.owner.name.as_str().to_owned(),
        email: listed.owner.email.as_str().to_owned(),
        owner_path: listed.owner.uuid.to_string(),
    };
    Ok(html::ok(&TokensPage { tokens: page.rows.iter().map(row).collect(), list, layout }))
}

fn beginning(note: &str) -> String {
    match note.char_indices().nth(NOTE_SHOWN) {
        Some((end, _)) => format!("{}…", note[..end].trim_end()),
        None => note.to_owned(),
    }
}
