//! The list of members.

use actix_web::{HttpResponse, web};
use askama::Template;
use strum::VariantArray as _;

use crate::accounts::session::BrowserSession;
use crate::db::DbError;
use crate::db::list_conditions::Count;
use crate::members::list_store::{self, MATCHES_MAX, MemberSelection};
use crate::members::model::{ListedMember, MemberOrder};
use crate::tokens::model::MAX_TOKENS;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::html;
use crate::web::list::{ListQuery, ListState, ListView, group_digits};
use crate::web::time_view::TimeView;
use crate::workspaces::extract::Administrator;
use crate::workspaces::layout::{Section, WorkspaceLayout};
use crate::workspaces::model::Role;

/// A member in the list.
struct MemberRow {
    name: String,
    email: String,
    role: &'static str,
    is_email_verified: bool,
    is_active: bool,
    /// Whether the member is the signed-in user.
    is_you: bool,
    /// `2 of 3`, or empty for a role without tokens.
    tokens: String,
    joined: TimeView,
    last_seen: Option<TimeView>,
    /// The path of the member's page.
    path: String,
}

#[derive(Template)]
#[template(path = "members/members.html")]
struct MembersPage {
    layout: WorkspaceLayout,
    list: ListView,
    members: Vec<MemberRow>,
    /// `3,214 people belong`, for the sentence below the title.
    people: String,
}

/// `GET /w/{slug}/settings/members`
pub(crate) async fn list(
    app: web::Data<AppState>,
    Administrator(reader): Administrator,
    query: ListQuery,
    session: BrowserSession,
) -> Result<HttpResponse, PageError> {
    let role = query.filter::<Role>();
    let (order, direction) = query.order::<MemberOrder>();
    let words = query.words();
    let cursor = query.cursor.clone();
    let selection = MemberSelection { workspace: reader.workspace.key, role, words, order, direction, cursor };
    let read = move |conn: &mut _| {
        let roles = list_store::count_roles(conn, selection.workspace, Role::VARIANTS)?;
        let matches = if selection.words.is_empty() { None } else { Some(list_store::search(conn, &selection)?) };
        let few = matches.as_deref().filter(|ids| ids.len() <= MATCHES_MAX);
        let page = list_store::page(conn, &selection, few)?;
        Ok::<_, DbError>((roles, matches.map(|ids| ids.len()), page))
    };
    let (roles, matches, page) = app.db.read(read).await?;

    let layout = WorkspaceLayout::new(&reader, Section::Members).with_flash(session.take_flash());
    let everyone = sum(&roles);
    let selected = role.and_then(|role| Role::VARIANTS.iter().position(|it| *it == role));
    let total = match matches {
        Some(rows) => Count { rows: rows.min(MATCHES_MAX), is_more: rows > MATCHES_MAX },
        None => selected.map_or(everyone, |nth| roles[nth]),
    };
    let state = ListState::<MemberOrder>::new(&layout.members_path, &query, role.map_or("", Role::as_str));
    // The counts are those without a search.
    let shown = |count: Count| matches.is_none().then_some(count);
    let mut filters = vec![state.filter_link("All", "", shown(everyone))];
    filters.extend(
        Role::VARIANTS.iter().zip(&roles).map(|(it, count)| state.filter_link(it.plural(), it.as_str(), shown(*count))),
    );
    let heads = vec![
        state.head("Member", MemberOrder::Name),
        state.head("Role", MemberOrder::Role),
        state.head("Tokens", MemberOrder::Tokens),
        state.head("Joined", MemberOrder::Joined),
        state.head("Last seen", MemberOrder::Seen),
    ];
    let list = state.view(&page, total, filters, heads, |row| list_store::sort_values(row, order));
    let members_path = layout.members_path.clone();
    let row = |listed: &ListedMember| {
        let ListedMember { member, tokens, .. } = listed;
        MemberRow {
            name: member.user.name.as_str().to_owned(),
            email: member.user.email.as_str().to_owned(),
            role: member.role.label(),
            is_email_verified: member.user.verified_email().is_some(),
            is_active: member.user.is_active,
            is_you: member.user.uuid == reader.user.uuid,
            tokens: if member.role.can_have_tokens() { format!("{tokens} of {MAX_TOKENS}") } else { String::new() },
            joined: TimeView::day(member.since),
            last_seen: member.last_seen.map(TimeView::hour),
            path: format!("{members_path}/{}", member.user.uuid),
        }
    };
    Ok(html::ok(&MembersPage { members: page.rows.iter().map(row).collect(), people: people(everyone), list, layout }))
}

fn sum(counts: &[Count]) -> Count {
    Count { rows: counts.iter().map(|count| count.rows).sum(), is_more: counts.iter().any(|count| count.is_more) }
}

fn people(count: Count) -> String {
    match count {
        Count { rows: 1, is_more: false } => "1 person belongs".to_owned(),
        Count { rows, is_more } => {
            format!("{}{} people belong", if is_more { "More than " } else { "" }, group_digits(rows))
        }
    }
}
