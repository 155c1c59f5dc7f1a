//! Overview page of a workspace: its profile, the member's tokens and the API's URL.

use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::session::BrowserSession;
use crate::accounts::site_settings;
use crate::db::DbError;
use crate::tokens::attention;
use crate::tokens::attention_view::{AttentionView, WorkspaceAttention};
use crate::tokens::checklist::Progress;
use crate::tokens::model::MAX_TOKENS;
use crate::tokens::pages::checklist::ChecklistView;
use crate::tokens::view::TokenView;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::html;
use crate::web::time_view::TimeView;
use crate::workspaces::extract::CurrentMember;
use crate::workspaces::layout::{Section, WorkspaceLayout};

#[derive(Template)]
#[template(path = "tokens/overview.html")]
struct OverviewPage {
    layout: WorkspaceLayout,
    role: &'static str,
    can_have_tokens: bool,
    country: &'static str,
    languages: String,
    timezone: String,
    rows: Vec<TokenView>,
    attention: Vec<AttentionView>,
    workspace_attention: Vec<WorkspaceAttention>,
    settings_path: String,
    api_url: String,
    checklist: Option<ChecklistView>,
    /// The last backup, for an administrator, if it is too old.
    overdue_backup: Option<TimeView>,
}

impl OverviewPage {
    fn is_full(&self) -> bool {
        self.rows.len() >= MAX_TOKENS
    }
}

/// `GET /w/{slug}`
pub(crate) async fn show(
    app: web::Data<AppState>,
    member: CurrentMember,
    session: BrowserSession,
) -> Result<HttpResponse, PageError> {
    let (membership, role, now) = (member.membership, member.role, app.clock.now());
    let (workspace, memberships) = (member.workspace.clone(), member.memberships.clone());
    let is_hidden = member.is_checklist_hidden;
    let read = app.db.read(move |conn| {
        let (tokens, deleted) = attention::load(conn, membership, now)?;
        let progress = Progress { membership, role, workspace: &workspace, memberships: &memberships, tokens: &tokens };
        let steps = if is_hidden { Vec::new() } else { progress.steps(conn)? };
        let counts = if role.is_admin() {
            attention::count_in_workspace(conn, workspace.key, &tokens, now)?
        } else {
            Vec::new()
        };
        let backup = if role.is_admin() { site_settings::overdue_backup(conn, now)? } else { None };
        Ok::<_, DbError>((tokens, deleted, counts, steps, backup))
    });
    let (tokens, deleted, counts, steps, overdue_backup) = read.await?;
    let layout = WorkspaceLayout::new(&member, Section::Overview).with_flash(session.take_flash());
    Ok(html::ok(&OverviewPage {
        workspace_attention: WorkspaceAttention::list(&counts, &layout.members_path),
        attention: AttentionView::list(&tokens, &deleted, &layout.tokens_path, now),
        rows: tokens.iter().map(|token| TokenView::new(token, &layout.tokens_path, now)).collect(),
        role: member.role.label(),
        can_have_tokens: member.role.can_have_tokens(),
        country: member.workspace.profile.country.name(),
        languages: member.workspace.profile.languages.codes().collect::<Vec<_>>().join(", "),
        timezone: member.workspace.profile.timezone.as_str().to_owned(),
        settings_path: Section::General.path(&member.workspace.slug),
        api_url: app.site.public_url.join("/api/v2/workspace.json"),
        checklist: ChecklistView::new(steps, &layout),
        overdue_backup: overdue_backup.map(TimeView::new),
        layout,
    }))
}
