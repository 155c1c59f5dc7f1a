//! The API Token page: the list of tokens, optionally with a warning above it.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::session::BrowserSession;
use crate::audit::actor::Actor;
use crate::base::client_info::ClientInfo;
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::base::random;
use crate::db::DbError;
use crate::tokens::attention;
use crate::tokens::attention_view::{AttentionView, DELETED_SHOWN, WorkspaceAttention};
use crate::tokens::day_counts::load_strip_days;
use crate::tokens::delete::TOMBSTONE_RETENTION;
use crate::tokens::deleted_store::{self, DeletedScope};
use crate::tokens::extract::TokenHolder;
use crate::tokens::model::{IdempotencyKey, MAX_TOKENS, Token, TokenChangeError, TokenOwner};
use crate::tokens::store;
use crate::tokens::view::{DeletedTokenView, TokenView};
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::html;
use crate::web::list::format_count;
use crate::workspaces::extract::CurrentMember;
use crate::workspaces::layout::{Section, WorkspaceLayout};

/// Recently deleted tokens are counted up to this number.
const DELETED_COUNT_MAX: usize = 1_000;

/// A warning that the request changed nothing.
pub(crate) struct Warning {
    pub(crate) heading: &'static str,
    pub(crate) text: String,
    /// The button that gives the existing token a new value.
    pub(crate) retry: Option<RetryRotation>,
}

/// A button that gives a token a new value without grace. An old value in its grace period keeps working.
pub(crate) struct RetryRotation {
    pub(crate) path: String,
    pub(crate) form_key: IdempotencyKey,
    /// The result of pressing the button.
    pub(crate) consequence: String,
}

impl RetryRotation {
    pub(crate) fn new(member: &CurrentMember, token: &Token, now: Timestamp) -> Self {
        let used = token.current.last_use.as_ref().map_or_else(
            || "has never been used".to_owned(),
            |last| format!("was last used on {}", member.times.date_time(last.at)),
        );
        let kept = token
            .retiring(now)
            .and_then(|value| value.ends_at)
            .map_or_else(String::new, |at| format!(" The old value keeps working until {}.", member.times.end(at)));
        Self {
            path: path_of(member, &token.uuid),
            form_key: IdempotencyKey::generate(&mut random::os_rng()),
            consequence: format!(
                "Replacing it stops the value rpat…{} immediately. That value {used}.{kept}",
                token.current.hint
            ),
        }
    }
}

/// Base path of a token's pages.
pub(crate) fn path_of(member: &CurrentMember, token: &PublicId) -> String {
    format!("{}/{token}", Section::Tokens.path(&member.workspace.slug))
}

#[derive(Template)]
#[template(path = "tokens/list.html")]
struct ListPage {
    pub(crate) layout: WorkspaceLayout,
    pub(crate) rows: Vec<TokenView>,
    /// The latest deleted tokens.
    pub(crate) deleted: Vec<DeletedTokenView>,
    /// The number of recently deleted tokens: `123`, `1,000+`.
    deleted_count: String,
    pub(crate) attention: Vec<AttentionView>,
    pub(crate) workspace_attention: Vec<WorkspaceAttention>,
    pub(crate) warning: Option<Warning>,
}

impl ListPage {
    async fn load(app: &AppState, member: &CurrentMember) -> Result<Self, PageError> {
        let (membership, workspace, now) = (member.membership, member.workspace.key, app.clock.now());
        let is_admin = member.role.is_admin();
        let (live, deleted, deleted_count, counts, days) = app
            .db
            .read(move |conn| {
                let (live, deleted) = attention::load(conn, membership, now)?;
                let scope = DeletedScope::Member(membership);
                let deleted_count = deleted_store::count(conn, scope, now - TOMBSTONE_RETENTION, DELETED_COUNT_MAX)?;
                let counts =
                    if is_admin { attention::count_in_workspace(conn, workspace, &live, now)? } else { Vec::new() };
                let days = load_strip_days(conn, &live, now)?;
                Ok::<_, DbError>((live, deleted, deleted_count, counts, days))
            })
            .await?;
        let layout = WorkspaceLayout::new(member, Section::Tokens);
        Ok(Self {
            rows: live.iter().map(|token| TokenView::with_strip(token, &days, &layout.tokens_path, now)).collect(),
            workspace_attention: WorkspaceAttention::list(&counts, &layout.members_path),
            attention: AttentionView::list(&live, &deleted, &layout.tokens_path, now),
            deleted: deleted
                .iter()
                .take(DELETED_SHOWN)
                .filter_map(|it| DeletedTokenView::new(it, Some(member.user.email.as_str())))
                .collect(),
            deleted_count: format_count(deleted_count),
            layout,
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
pub(crate) async fn list(
    app: web::Data<AppState>,
    TokenHolder(member): TokenHolder,
    session: BrowserSession,
) -> Result<HttpResponse, PageError> {
    let mut list = ListPage::load(&app, &member).await?;
    list.layout.flash = session.take_flash();
    Ok(html::ok(&list))
}

/// Responds with 409, the list and a warning above it.
pub(crate) async fn conflict(
    app: &AppState,
    member: &CurrentMember,
    warning: Warning,
) -> Result<HttpResponse, PageError> {
    let list = ListPage::load(app, member).await?;
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

/// A change by the owner to the token in the path.
pub(crate) struct TokenAction {
    pub(crate) owner: TokenOwner,
    pub(crate) uuid: PublicId,
    pub(crate) actor: Actor,
}

impl TokenAction {
    pub(crate) fn new(
        app: &AppState,
        member: &CurrentMember,
        path: &TokenPath,
        client: ClientInfo,
    ) -> Result<Self, PageError> {
        let (owner, uuid) = (TokenOwner::from(member), token_id(path)?);
        Ok(Self { owner, uuid, actor: member.user.actor(client, app.clock.now()) })
    }
}

/// The responses to a change of a token that failed, where the handler has no response of its own.
impl From<TokenChangeError> for PageError {
    fn from(error: TokenChangeError) -> Self {
        match error {
            TokenChangeError::NotFound
            | TokenChangeError::RotationInProgress(_)
            | TokenChangeError::AlreadyRotated(_)
            | TokenChangeError::NameTaken => Self::NotFound,
            TokenChangeError::Db(error) => error.into(),
        }
    }
}
