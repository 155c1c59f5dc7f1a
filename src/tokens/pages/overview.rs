//! The overview of a workspace: what it is, one's tokens in it, how to call its API.

use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::session::BrowserSession;
use crate::tokens::model::LIMIT;
use crate::tokens::store;
use crate::tokens::view::Row;
use crate::web::app_state::App;
use crate::web::error::PageError;
use crate::web::html;
use crate::workspaces::extract::Member;
use crate::workspaces::layout::{Section, Shell};

#[derive(Template)]
#[template(path = "tokens/overview.html")]
struct OverviewPage {
    shell: Shell,
    role: &'static str,
    has_tokens: bool,
    country: &'static str,
    languages: String,
    timezone: String,
    rows: Vec<Row>,
    tokens_path: String,
    settings_path: String,
    api_url: String,
}

impl OverviewPage {
    fn may_create(&self) -> bool {
        self.rows.len() < LIMIT
    }
}

/// `GET /w/{slug}`
pub async fn show(app: web::Data<App>, member: Member, session: BrowserSession) -> Result<HttpResponse, PageError> {
    let membership = member.membership;
    let tokens = app.db.read(move |conn| store::live(conn, membership)).await?;
    let tokens_path = Section::Tokens.path(&member.workspace.slug);
    let now = app.clock.now();
    Ok(html::ok(&OverviewPage {
        rows: tokens.iter().map(|token| Row::of(token, &tokens_path, now)).collect(),
        shell: Shell::around(&member, Section::Overview).saying(session.take_flash()),
        role: member.role.label(),
        has_tokens: member.role.has_tokens(),
        country: member.workspace.profile.country.name(),
        languages: member.workspace.profile.languages.codes().collect::<Vec<_>>().join(", "),
        timezone: member.workspace.profile.timezone.as_str().to_owned(),
        settings_path: Section::General.path(&member.workspace.slug),
        api_url: app.site.public_url.join("/api/v2/workspace.json"),
        tokens_path,
    }))
}
