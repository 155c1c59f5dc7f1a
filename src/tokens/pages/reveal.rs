//! The only page that shows a value: the response to its creation.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

use crate::base::id::PublicId;
use crate::tokens::pages::expiry_field::describe_expiry;
use crate::tokens::pages::list::{Warning, conflict};
use crate::tokens::secret::TokenValue;
use crate::tokens::store;
use crate::tokens::view::TokenView;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::html;
use crate::workspaces::extract::CurrentMember;
use crate::workspaces::layout::{Section, WorkspaceLayout};

/// A new value to show.
pub(crate) struct Reveal {
    /// What happened: `Token created`.
    pub(crate) title: &'static str,
    pub(crate) value: zeroize::Zeroizing<String>,
    /// The last four characters of the value.
    pub(crate) hint: String,
    pub(crate) token: PublicId,
    /// The result for the old value, after a rotation: a sentence.
    pub(crate) old_value: Option<String>,
}

impl Reveal {
    pub(crate) fn new(title: &'static str, value: &TokenValue, token: PublicId, old_value: Option<String>) -> Self {
        Self { title, value: value.reveal().to_owned().into(), hint: value.hint().to_owned(), token, old_value }
    }
}

#[derive(Template)]
#[template(path = "tokens/reveal.html")]
struct RevealPage {
    layout: WorkspaceLayout,
    reveal: Reveal,
    row: TokenView,
    /// The end of the value.
    expires: String,
    /// URL of the server, without a path.
    origin: String,
}

/// Responds with the value, if it is still the token's current value.
pub(crate) async fn reveal(app: &AppState, member: &CurrentMember, reveal: Reveal) -> Result<HttpResponse, PageError> {
    let (membership, token) = (member.membership, reveal.token);
    let token = app.db.read(move |conn| store::find(conn, membership, &token)).await?;
    // A concurrent rotation or deletion may have ended the value already.
    let Some(token) = token.filter(|token| token.current.hint == reveal.hint) else {
        let warning = Warning {
            heading: "This value has already been replaced",
            text: "Another request replaced the value or deleted the token before this page was shown.".to_owned(),
            retry: None,
        };
        return conflict(app, member, warning).await;
    };
    let layout = WorkspaceLayout::new(member, Section::Tokens);
    let row = TokenView::new(&token, &layout.tokens_path, app.clock.now());
    let expires = describe_expiry(token.current.ends_at, &member.workspace_times());
    let origin = app.site.public_url.origin();
    Ok(html::render(StatusCode::CREATED, &RevealPage { layout, reveal, row, expires, origin }))
}
