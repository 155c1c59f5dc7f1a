//! The page of all workspaces of the user, with a search. The switcher and the palette of each page link to it and search
//! with it.

use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::session::BrowserSession;
use crate::base::text::{case_fold, sanitize};
use crate::web::html;
use crate::workspaces::extract::UserWithMemberships;
use crate::workspaces::layout::{AccountLayout, WorkspaceLink};
use crate::workspaces::model::Membership;

/// The most workspaces on the page. More are found by the search.
const PAGE_MAX: usize = 50;

/// The most characters of a search: those of a name.
const QUERY_MAX: usize = 64;

#[derive(Template)]
#[template(path = "workspaces/list.html")]
struct WorkspacesPage {
    layout: AccountLayout,
    query: String,
    /// The first workspaces that match, in natural order, each with the user's role.
    found: Vec<(WorkspaceLink, &'static str)>,
    /// The number of workspaces that match.
    matching: usize,
}

impl WorkspacesPage {
    fn has_more(&self) -> bool {
        self.matching > self.found.len()
    }
}

/// The query string.
#[derive(serde::Deserialize)]
pub(crate) struct SearchQuery {
    q: Option<String>,
}

/// `GET /workspaces`
pub(crate) async fn show(
    person: UserWithMemberships,
    session: BrowserSession,
    query: Result<web::Query<SearchQuery>, actix_web::Error>,
) -> HttpResponse {
    let query = query.ok().and_then(|query| query.into_inner().q).unwrap_or_default();
    let query = sanitize(query.trim(), QUERY_MAX);
    let words = case_fold(&query);
    let matches = |to: &&Membership| {
        let name = to.workspace.profile.name.case_folded();
        words.split_whitespace().all(|word| name.contains(word) || to.workspace.slug.as_str().contains(word))
    };
    let mut matching: Vec<&Membership> = person.memberships.iter().filter(matches).collect();
    matching.sort_by_cached_key(|to| to.workspace.profile.name.sort_key());
    let link = |to: &&Membership| (WorkspaceLink::from_membership(to), to.role.label());
    let mut layout = AccountLayout::new(&person, false);
    layout.flash = session.take_flash();
    let found = matching.iter().take(PAGE_MAX).map(link).collect();
    html::ok(&WorkspacesPage { layout, query, found, matching: matching.len() })
}
