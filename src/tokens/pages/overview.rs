//! Overview page of a workspace: its profile, the member's tokens and the API's URL.

use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::session::BrowserSession;
use crate::tokens::model::MAX_TOKENS;
use crate::tokens::store;
use crate::tokens::view::TokenView;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::html;
use crate::workspaces::extract::CurrentMember;
use crate::workspaces::layout::{Section, WorkspaceLayout};

#[derive(Template)]
#[template(path = "tokens/overview.html")]
struct OverviewPage {
    shell: WorkspaceLayout,
    role: &'static str,
    has_tokens: bool,
    country: &'static str,
    languages: String,
    timezone: String,
    rows: Vec<TokenView>,
    tokens_path: String,
    settings_path: String,
    api_url: String,
}

impl OverviewPage {
    fn may_create(&self) -> bool {
        self.rows.len() < MAX_TOKENS
    }
}

/// `GET /w/{slug}`
pub async fn show(
    app: web::Data<AppState>,
    member: CurrentMember,
    session: BrowserSession,
) -> Result<HttpResponse, PageError> {
    let membership = member.membership;
    let tokens = app.db.read(move |conn| store::list_active(conn, membership)).await?;
    let tokens_path = Section::Tokens.path(&member.workspace.slug);
    let now = app.clock.now();
    Ok(html::ok(&OverviewPage {
        rows: tokens.iter().map(|token| TokenView::of(token, &tokens_path, now)).collect(),
        shell: WorkspaceLayout::new(&member, Section::Overview).with_flash(session.take_flash()),
        role: member.role.label(),
        has_tokens: member.role.can_have_tokens(),
        country: member.workspace.profile.country.name(),
        languages: member.workspace.profile.languages.codes().collect::<Vec<_>>().join(", "),
        timezone: member.workspace.profile.timezone.as_str().to_owned(),
        settings_path: Section::General.path(&member.workspace.slug),
        api_url: app.site.public_url.join("/api/v2/workspace.json"),
        tokens_path,
    }))
}
