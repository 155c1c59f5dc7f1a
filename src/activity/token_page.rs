//! The page of a token: its calls by day, its callers, its note and its events. The owner can change the note; an administrator
//! of the workspace reads the page. It stays for a deleted token as long as the token is stored.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::kept_form::Prefill;
use crate::accounts::session::BrowserSession;
use crate::activity::event_view::EventView;
use crate::activity::store::list_of_token;
use crate::activity::token_usage_view::{CallerView, UsageByDay};
use crate::base::client_info::ClientInfo;
use crate::base::day::Day;
use crate::base::note::Note;
use crate::db::DbError;
use crate::tokens::extract::TokenHolder;
use crate::tokens::model::{Token, TokenOwner};
use crate::tokens::note::change_note;
use crate::tokens::owner_store;
use crate::tokens::pages::list::{TokenPath, find, path_of, token_id};
use crate::tokens::view::{ExpiryView, TokenView};
use crate::usage::{day_store, origin_store};
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::form::{Field, Form};
use crate::web::html;
use crate::web::time_view::TimeView;
use crate::workspaces::extract::CurrentMember;
use crate::workspaces::layout::{Section, WorkspaceLayout};

/// Maximum number of events on the page.
const EVENTS: i64 = 50;

#[derive(Template)]
#[template(path = "activity/token.html")]
struct TokenPage {
    layout: WorkspaceLayout,
    row: TokenView,
    /// The deletion time of a deleted token.
    deleted: Option<TimeView>,
    /// Whether the reader owns the token.
    is_own: bool,
    owner: String,
    email: String,
    created: TimeView,
    note: Field,
    usage: UsageByDay,
    callers: Vec<CallerView>,
    events: Vec<EventView>,
}

impl TokenPage {
    /// Loads the page; 404 if the reader may not see the token.
    async fn load(app: &AppState, member: &CurrentMember, path: &TokenPath, days: u16) -> Result<Self, PageError> {
        let (uuid, now) = (token_id(path)?, app.clock.now());
        let (workspace, workspace_uuid) = (member.workspace.key, member.workspace.uuid);
        let (reader, is_admin) = (member.user.uuid, member.role.is_admin());
        let found = app
            .db
            .read(move |conn| {
                let found = owner_store::find_with_deleted_in_workspace(conn, workspace, &uuid)?;
                let Some((token, owner)) = found.filter(|(_, owner)| is_admin || owner.uuid == reader) else {
                    return Ok(None);
                };
                let rows = day_store::days(conn, &token.value_keys(), Day::containing(now), days)?;
                let origins = origin_store::origins(conn, token.key)?;
                let events = list_of_token(conn, &workspace_uuid, &uuid, EVENTS)?;
                Ok::<_, DbError>(Some((token, owner, rows, origins, events)))
            })
            .await?;
        let (token, owner, rows, origins, events) = found.ok_or(PageError::NotFound)?;
        let is_own = owner.uuid == member.user.uuid;
        let layout = WorkspaceLayout::new(member, if is_own { Section::Tokens } else { Section::Members });
        let style = member.workspace.profile.date_style;
        Ok(Self {
            row: TokenView::new(&token, &layout.tokens_path, now),
            deleted: token.deleted.as_ref().map(|tombstone| TimeView::new(tombstone.at)),
            is_own,
            owner: owner.name.as_str().to_owned(),
            email: owner.email.as_str().to_owned(),
            created: TimeView::new(token.created_at),
            note: Self::note_of(&token),
            usage: UsageByDay::new(&token, &rows, days, style, now),
            callers: CallerView::list(origins, now),
            events: events.iter().map(EventView::new).collect(),
            layout,
        })
    }

    fn note_of(token: &Token) -> Field {
        token.note.as_ref().map_or_else(Field::default, Field::new)
    }

    /// The state of the token, and its class in the style sheet.
    fn state(&self) -> (&'static str, &'static str) {
        match (&self.deleted, &self.row.expiry) {
            (Some(_), _) => ("Deleted", "past"),
            (None, ExpiryView::Past(_)) => ("Expired", "past"),
            (None, _) if self.row.rotation.is_some() => ("Rotating", "soon"),
            (None, ExpiryView::Soon(_)) => ("Expires soon", "soon"),
            (None, _) if self.row.last_use.is_none() && self.row.old_last_use.is_none() => ("Never used", ""),
            (None, ExpiryView::Never | ExpiryView::Later(_)) => ("Active", ""),
        }
    }

    fn can_change(&self) -> bool {
        self.is_own && self.deleted.is_none()
    }
}

/// Query of the page: the number of days of the chart.
#[derive(serde::Deserialize)]
pub(crate) struct TokenPageQuery {
    days: Option<String>,
}

/// `GET /w/{slug}/settings/tokens/{uuid}`
pub(crate) async fn show(
    app: web::Data<AppState>,
    TokenHolder(member): TokenHolder,
    path: TokenPath,
    query: Result<web::Query<TokenPageQuery>, actix_web::Error>,
    session: BrowserSession,
    prefill: Prefill,
) -> Result<HttpResponse, PageError> {
    let days = query.ok().and_then(|query| query.into_inner().days);
    let days = if days.as_deref() == Some("90") { 90 } else { 30 };
    let mut page = TokenPage::load(&app, &member, &path, days).await?;
    page.layout.flash = session.take_flash();
    if page.can_change() {
        page.layout.flash = prefill.flash().or(page.layout.flash);
        prefill.fill([("note", &mut page.note)]);
    }
    Ok(html::ok(&page))
}

/// `GET /w/{slug}/settings/tokens/{uuid}/note`: redirects to the token's page. Sign-in can redirect to this path.
pub(crate) async fn back(
    app: web::Data<AppState>,
    TokenHolder(member): TokenHolder,
    path: TokenPath,
) -> Result<HttpResponse, PageError> {
    let token = find(&app, &member, &path).await?;
    Ok(html::redirect(&path_of(&member, &token.uuid)))
}

/// `POST /w/{slug}/settings/tokens/{uuid}/note`
pub(crate) async fn submit_note(
    app: web::Data<AppState>,
    TokenHolder(member): TokenHolder,
    path: TokenPath,
    session: BrowserSession,
    client: ClientInfo,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let token = find(&app, &member, &path).await?;
    let (field, note) = Field::read_optional::<Note>(&form, "note");
    let Some(note) = note else {
        let page = TokenPage::load(&app, &member, &path, 30).await?;
        return Ok(html::render(StatusCode::UNPROCESSABLE_ENTITY, &TokenPage { note: field, ..page }));
    };
    let (owner, uuid) = (TokenOwner::from(&member), token.uuid);
    let actor = member.user.actor(client, app.clock.now());
    app.db.write(move |conn| change_note(conn, &owner, &uuid, note.as_ref(), &actor)).await?;
    session.flash(&format!("Note of token {} saved.", token.name))?;
    Ok(html::redirect(&path_of(&member, &uuid)))
}
