//! The query of the list of members. Each order has an index, which holds the rows of a workspace in that order: a page
//! reads it from the cursor on. A search with few matches loads them and sorts them; with more it reads the order's index.

use diesel::prelude::*;

use crate::db::ids::WorkspaceId;
use crate::db::list_conditions::{Conditions, Count, count_up_to, order_and_limit};
use crate::db::list_page::{Cursor, Direction, Page, SortColumn, SortValue, fetch};
use crate::db::schema::{memberships, users};
use crate::db::{DbConnection, DbError};
use crate::members::model::{ListedMember, Member, MemberOrder};
use crate::members::store::MEMBER;
use crate::workspaces::model::Role;

/// Members of a workspace are counted up to this number.
const COUNT_MAX: usize = 100_000;

/// A search with more matches than this counts no further, and reads the list in its order.
pub(crate) const MATCHES_MAX: usize = 1_000;

crate::impl_select! {
    /// The columns of a [`ListedMember`].
    LISTED: ListedMember {
        member: Member = MEMBER,
        name_sort: String = memberships::name_sort,
        tokens: i64 = memberships::token_count,
    }
}

const ID: SortColumn = SortColumn::Number("memberships.id");
const NAME: SortColumn = SortColumn::Text("memberships.name_sort");

/// The columns of an order.
const fn columns(order: MemberOrder) -> &'static [SortColumn] {
    match order {
        MemberOrder::Name => &[NAME, ID],
        MemberOrder::Role => &[SortColumn::Text("memberships.role"), NAME, ID],
        MemberOrder::Tokens => &[SortColumn::Number("memberships.token_count"), NAME, ID],
        MemberOrder::Joined => &[SortColumn::Number("memberships.created_at"), ID],
        MemberOrder::Seen => &[SortColumn::Number("memberships.last_seen_at"), ID],
    }
}

/// The values of the columns of an order.
pub(super) fn sort_values(row: &ListedMember, order: MemberOrder) -> Vec<SortValue> {
    let (name, id) = (SortValue::Text(row.name_sort.clone()), SortValue::Number(row.member.membership.0));
    match order {
        MemberOrder::Name => vec![name, id],
        MemberOrder::Role => vec![SortValue::Text(row.member.role.as_str().to_owned()), name, id],
        MemberOrder::Tokens => vec![SortValue::Number(row.tokens), name, id],
        MemberOrder::Joined => vec![SortValue::Number(row.member.since.micros()), id],
        MemberOrder::Seen => {
            vec![SortValue::Number(row.member.last_seen.map_or(0, crate::base::clock::Timestamp::micros)), id]
        }
    }
}

/// What the list shows.
#[derive(Debug, Clone)]
pub(super) struct MemberSelection {
    pub workspace: WorkspaceId,
    pub role: Option<Role>,
    /// The words of the search, case folded.
    pub words: Vec<String>,
    pub order: MemberOrder,
    pub direction: Direction,
    pub cursor: Option<Cursor>,
}

/// Counts the members with each of these roles.
pub(super) fn count_roles(
    conn: &mut DbConnection,
    workspace: WorkspaceId,
    roles: &[Role],
) -> Result<Vec<Count>, DbError> {
    let query = |role: &Role| {
        let (workspace, role) = (workspace.0, role.as_str());
        let from = "FROM memberships WHERE removed_at IS NULL";
        (format!("{from} AND workspace_id = {workspace} AND role = '{role}'"), COUNT_MAX)
    };
    count_up_to(conn, &roles.iter().map(query).collect::<Vec<_>>())
}

/// Loads the keys of the members that match the search: at most one more than [`MATCHES_MAX`].
pub(super) fn search(conn: &mut DbConnection, selection: &MemberSelection) -> Result<Vec<i64>, DbError> {
    let matches =
        of_workspace(selection, "memberships.role ||").and_contains("memberships.search_text", &selection.words);
    Ok(memberships::table
        .filter(memberships::removed_at.is_null())
        .filter(matches)
        .limit(i64::try_from(MATCHES_MAX + 1).unwrap_or(i64::MAX))
        .select(memberships::id)
        .load(conn)?)
}

/// The members of the workspace with the selected role. `role` is the SQL before the empty text or the comparison: with
/// `||`, no index is used for the role.
fn of_workspace(selection: &MemberSelection, role: &str) -> Conditions {
    let conditions = Conditions::new("memberships.workspace_id =", selection.workspace.0);
    let sql = if role.ends_with("||") { format!("{role} '' =") } else { format!("{role} =") };
    match selection.role {
        Some(role) => conditions.and(&sql, SortValue::Text(role.as_str().to_owned())),
        None => conditions,
    }
}

/// Loads a page. `matches` are the results of the search, if there are few.
pub(super) fn page(
    conn: &mut DbConnection,
    selection: &MemberSelection,
    matches: Option<&[i64]>,
) -> Result<Page<ListedMember>, DbError> {
    fetch(columns(selection.order), selection.direction, selection.cursor.as_ref(), |seek| {
        let is_by_role = matches!(selection.order, MemberOrder::Name | MemberOrder::Role);
        let role = if is_by_role { "memberships.role" } else { "memberships.role ||" };
        let conditions = match matches {
            Some(ids) => Conditions::one_of("memberships.id", ids),
            None => of_workspace(selection, role).and_contains("memberships.search_text", &selection.words),
        };
        Ok(memberships::table
            .inner_join(users::table)
            .filter(memberships::removed_at.is_null())
            .filter(conditions.and_after(seek))
            .order(order_and_limit(seek))
            .select(LISTED)
            .load(conn)?)
    })
}
