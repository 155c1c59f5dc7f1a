//! The API Token page: the list of tokens, optionally with a revealed value or a warning above it.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::session::BrowserSession;
use crate::base::id::PublicId;
use crate::base::random;
use crate::tokens::delete::TOMBSTONE_RETENTION;
use crate::tokens::extract::TokenHolder;
use crate::tokens::model::{IdempotencyKey, MAX_TOKENS, Token};
use crate::tokens::secret::TokenValue;
use crate::tokens::store;
use crate::tokens::view::{DeletedTokenView, TokenView};
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::html;
use crate::workspaces::extract::CurrentMember;
use crate::workspaces::layout::{Section, WorkspaceLayout};

/// A new value, on the only page that shows it.
pub(crate) struct Reveal {
    pub(crate) heading: String,
    pub(crate) value: zeroize::Zeroizing<String>,
    pub(crate) api_url: String,
    /// Path of the JSON usage status.
    pub(crate) use_path: String,
    /// What happens to the old value, after a rotation.
    pub(crate) old: Option<&'static str>,
}

impl Reveal {
    pub(crate) fn new(
        app: &AppState,
        heading: String,
        value: &TokenValue,
        member: &CurrentMember,
        token: &PublicId,
    ) -> Self {
        Self {
            heading,
            value: value.reveal().to_owned().into(),
            api_url: app.site.public_url.join("/api/v2/workspace.json"),
            use_path: format!("{}/use.json", path_of(member, token)),
            old: None,
        }
    }
}

/// A warning that the request changed nothing.
pub(crate) struct Warning {
    pub(crate) heading: &'static str,
    pub(crate) text: String,
    /// The button that gives the existing token a new value.
    pub(crate) again: Option<RetryRotation>,
}

/// A button that gives a token a new value without grace.
pub(crate) struct RetryRotation {
    pub(crate) path: String,
    pub(crate) form_key: IdempotencyKey,
}

impl RetryRotation {
    pub(crate) fn of(member: &CurrentMember, token: &PublicId) -> Self {
        Self { path: path_of(member, token), form_key: IdempotencyKey::generate(&mut random::os_rng()) }
    }
}

/// Base path of a token's pages.
pub(crate) fn path_of(member: &CurrentMember, token: &PublicId) -> String {
    format!("{}/{token}", Section::Tokens.path(&member.workspace.slug))
}

#[derive(Template)]
#[template(path = "tokens/list.html")]
struct ListPage {
    pub(crate) shell: WorkspaceLayout,
    pub(crate) rows: Vec<TokenView>,
    pub(crate) deleted: Vec<DeletedTokenView>,
    pub(crate) tokens_path: String,
    pub(crate) overview_path: String,
    pub(crate) reveal: Option<Reveal>,
    pub(crate) warning: Option<Warning>,
}

impl ListPage {
    async fn of(app: &AppState, member: &CurrentMember) -> Result<Self, PageError> {
        let (membership, now) = (member.membership, app.clock.now());
        let read = move |conn: &mut _| {
            Ok::<_, PageError>((
                store::list_active(conn, membership)?,
                store::list_deleted(conn, membership, now - TOMBSTONE_RETENTION)?,
            ))
        };
        let (live, deleted) = app.db.read(read).await?;
        let tokens_path = Section::Tokens.path(&member.workspace.slug);
        Ok(Self {
            shell: WorkspaceLayout::new(member, Section::Tokens),
            rows: live.iter().map(|token| TokenView::of(token, &tokens_path, now)).collect(),
            deleted: deleted.iter().filter_map(DeletedTokenView::of).collect(),
            overview_path: Section::Overview.path(&member.workspace.slug),
            tokens_path,
            reveal: None,
            warning: None,
        })
    }

    fn is_full(&self) -> bool {
        self.rows.len() >= MAX_TOKENS
    }

    /// For each slot, `true` if it is used. For the meter.
    fn slots(&self) -> impl Iterator<Item = bool> {
        (0..MAX_TOKENS).map(|slot| slot < self.rows.len())
    }
}

/// `GET /w/{slug}/settings/tokens`
pub async fn list(
    app: web::Data<AppState>,
    TokenHolder(member): TokenHolder,
    session: BrowserSession,
) -> Result<HttpResponse, PageError> {
    let mut list = ListPage::of(&app, &member).await?;
    list.shell.flash = session.take_flash();
    Ok(html::ok(&list))
}

/// Responds with the list and a revealed value above it.
pub(crate) async fn reveal(
    app: &AppState,
    member: &CurrentMember,
    status: StatusCode,
    reveal: Reveal,
) -> Result<HttpResponse, PageError> {
    let list = ListPage::of(app, member).await?;
    Ok(html::render(status, &ListPage { reveal: Some(reveal), ..list }))
}

/// Responds with 409, the list and a warning above it.
pub(crate) async fn conflict(
    app: &AppState,
    member: &CurrentMember,
    warning: Warning,
) -> Result<HttpResponse, PageError> {
    let list = ListPage::of(app, member).await?;
    Ok(html::render(StatusCode::CONFLICT, &ListPage { warning: Some(warning), ..list }))
}

/// Path parameters: the workspace's slug and the token's identifier.
pub(crate) type TokenPath = web::Path<(String, String)>;

pub(crate) fn token_id(path: &TokenPath) -> Result<PublicId, PageError> {
    path.1.parse().map_err(|_| PageError::NotFound)
}

/// Finds the member's token with the identifier in the path.
pub(crate) async fn find(app: &AppState, member: &CurrentMember, path: &TokenPath) -> Result<Token, PageError> {
    let (membership, uuid) = (member.membership, token_id(path)?);
    app.db.read(move |conn| store::find(conn, membership, &uuid)).await?.ok_or(PageError::NotFound)
}
