//! The calls of a workspace with all of its tokens, for administrators: by day, the busiest tokens, those with rejected calls,
//! and the unused ones.

use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::model::User;
use crate::accounts::session::BrowserSession;
use crate::activity::token_usage_view::{ChartDays, UsageByDay};
use crate::base::day::Day;
use crate::db::DbError;
use crate::tokens::day_counts::load_workspace_days;
use crate::tokens::filter::TokenFilter;
use crate::tokens::filter_store;
use crate::tokens::model::Token;
use crate::tokens::owner_store::list_by_key_with_deleted;
use crate::tokens::unused_store::longest_unused;
use crate::tokens::view::{STALE, UsageView};
use crate::usage::top_token_store;
use crate::usage::top_tokens::{TOP_DAYS, TokenCalls, busiest, most_rejected};
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::html;
use crate::web::list::{format_count, grouped};
use crate::web::time_view::TimeView;
use crate::workspaces::extract::Administrator;
use crate::workspaces::layout::{Section, WorkspaceLayout};

/// Number of unused tokens on the page.
const UNUSED_COUNT: i64 = 5;

/// A token in one of the lists.
struct TokenLine {
    path: String,
    name: String,
    hint: String,
    owner: String,
    /// What a reader must know besides the count: `Deleted`.
    state: Option<&'static str>,
}

impl TokenLine {
    fn new(token: &Token, owner: &User, layout: &WorkspaceLayout) -> Self {
        let now = layout.times.now();
        Self {
            path: format!("{}/{}", layout.tokens_path, token.uuid),
            name: token.name.as_str().to_owned(),
            hint: token.current.hint.clone(),
            owner: owner.name.as_str().to_owned(),
            state: match &token.deleted {
                Some(_) => Some("Deleted"),
                None if !token.current.is_active_at(now) => Some("Expired"),
                None => None,
            },
        }
    }
}

/// A token with a number of calls.
struct CountedLine {
    token: TokenLine,
    count: String,
    /// Width of its bar; that of the first token is 100.
    width: i64,
    /// The last rejected attempt.
    last_rejected: Option<UsageView>,
}

/// An unused token.
struct UnusedLine {
    token: TokenLine,
    /// The last use of any value.
    used: Option<TimeView>,
    created: TimeView,
}

#[derive(Template)]
#[template(path = "activity/workspace_usage.html")]
struct UsagePage {
    layout: WorkspaceLayout,
    path: String,
    usage: UsageByDay,
    /// The time of the count of the busiest tokens and of the rejected calls.
    counted: Option<TimeView>,
    /// Tokens have calls that were not counted yet.
    awaits_count: bool,
    busiest: Vec<CountedLine>,
    rejected: Vec<CountedLine>,
    unused: Vec<UnusedLine>,
    /// The number of unused tokens; empty if the list has all of them.
    more_unused: String,
    unused_path: String,
}

/// `GET /w/{slug}/settings/usage`
pub(crate) async fn show(
    app: web::Data<AppState>,
    Administrator(reader): Administrator,
    days: ChartDays,
    session: BrowserSession,
) -> Result<HttpResponse, PageError> {
    let (workspace, now, count) = (reader.workspace.key, app.clock.now(), days.0);
    let read = move |conn: &mut _| {
        let days = load_workspace_days(conn, workspace, Day::containing(now), count)?;
        let top = top_token_store::of_workspace(conn, workspace)?;
        let keys: Vec<i64> = top.tokens.iter().map(|counted| counted.token.0).collect();
        let tokens = list_by_key_with_deleted(conn, &keys)?;
        let counts = filter_store::count(conn, workspace, &[Some(TokenFilter::Unused)], now)?;
        let unused = longest_unused(conn, workspace, now - STALE, UNUSED_COUNT)?;
        Ok::<_, DbError>((days, top, tokens, counts, unused))
    };
    let (days, top, tokens, counts, unused) = app.db.read(read).await?;
    let layout = WorkspaceLayout::new(&reader, Section::Usage).with_flash(session.take_flash());
    let lines = |list: Vec<TokenCalls>, count: fn(&TokenCalls) -> i64| -> Vec<CountedLine> {
        let most = list.first().map_or(1, count).max(1);
        let line = |counted: &TokenCalls| {
            let (token, owner) = tokens.iter().find(|(token, _)| token.key == counted.token)?;
            let width = i64::try_from(i128::from(count(counted)) * 100 / i128::from(most)).unwrap_or(100).max(1);
            let last = token.values().filter_map(|value| value.last_rejected_use.as_ref()).max_by_key(|last| last.at);
            Some(CountedLine {
                token: TokenLine::new(token, owner, &layout),
                count: grouped(count(counted)),
                width,
                last_rejected: last.map(UsageView::new),
            })
        };
        list.iter().filter_map(line).collect()
    };
    let unused_line = |(token, owner): &(Token, User)| UnusedLine {
        token: TokenLine::new(token, owner, &layout),
        used: token.values().filter_map(|value| value.last_use.as_ref()).map(|last| last.at).max().map(TimeView::day),
        created: TimeView::day(token.created_at),
    };
    let mut recent = days.iter().rev().take(usize::from(TOP_DAYS));
    let awaits_count = top.at.is_none() && recent.any(|day| day.new > 0 || day.rejected > 0);
    let more_unused = counts.first().copied().filter(|count| count.rows > unused.len());
    Ok(html::ok(&UsagePage {
        path: Section::Usage.path(&reader.workspace.slug),
        usage: UsageByDay::of_days(days, reader.workspace.profile.date_style, now),
        counted: top.at.map(TimeView::new),
        awaits_count,
        busiest: lines(busiest(&top.tokens), |counted| counted.calls),
        rejected: lines(most_rejected(&top.tokens), |counted| counted.rejected),
        unused: unused.iter().map(unused_line).collect(),
        more_unused: more_unused.map(format_count).unwrap_or_default(),
        unused_path: format!("{}/tokens?filter={}", layout.members_path, TokenFilter::Unused.as_str()),
        layout,
    }))
}
