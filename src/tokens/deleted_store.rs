//! The query of the lists of recently deleted tokens. An index holds the deleted tokens of a member, another one those of a
//! workspace, in the order of their deletion. A search with few matches loads their keys; with more matches the page
//! reads the index from the cursor on.

use std::collections::HashMap;

use diesel::prelude::*;

use crate::accounts::model::User;
use crate::base::clock::Timestamp;
use crate::db::ids::{MembershipId, WorkspaceId};
use crate::db::list_conditions::{Conditions, Count, count_up_to, order_and_limit};
use crate::db::list_page::{Cursor, Direction, Page, SortColumn, SortValue, fetch};
use crate::db::schema::{memberships, tokens};
use crate::db::{DbConnection, DbError};
use crate::tokens::model::Token;
use crate::tokens::owner_store::list_deleted_by_key;

/// The matches of a search are counted up to this number.
const MATCHES_MAX: usize = 1_000;

const COLUMNS: &[SortColumn] = &[SortColumn::Number("tokens.deleted_at"), SortColumn::Number("tokens.id")];

/// Whose deleted tokens a list shows.
#[derive(Debug, Clone, Copy)]
pub(crate) enum DeletedScope {
    Member(MembershipId),
    Workspace(WorkspaceId),
}

impl DeletedScope {
    /// The column and its value.
    const fn key(self) -> (&'static str, i64) {
        match self {
            Self::Member(member) => ("tokens.membership_id", member.0),
            Self::Workspace(workspace) => ("tokens.deleted_in", workspace.0),
        }
    }

    /// The SQL of the text that is searched. A workspace's list also shows the owners.
    const fn searched(self) -> &'static str {
        match self {
            Self::Member(_) => "(tokens.name_key || ' ' || coalesce(tokens.deleted_hint, ''))",
            Self::Workspace(_) => {
                "(tokens.name_key || ' ' || coalesce(tokens.deleted_hint, '') || ' ' || memberships.search_text)"
            }
        }
    }
}

/// What the list shows.
#[derive(Debug, Clone)]
pub(crate) struct DeletedSelection {
    pub scope: DeletedScope,
    /// Tokens that were deleted before this time are not shown.
    pub since: Timestamp,
    /// The words of the search, case folded.
    pub words: Vec<String>,
    pub direction: Direction,
    pub cursor: Option<Cursor>,
}

impl DeletedSelection {
    fn conditions(&self) -> Conditions {
        let (column, key) = self.scope.key();
        Conditions::new(&format!("{column} ="), key)
            .and("tokens.deleted_at >", SortValue::Number(self.since.micros()))
            .and_contains(self.scope.searched(), &self.words)
    }
}

/// A deleted token of the list with its owner.
#[derive(Debug)]
pub(crate) struct DeletedToken {
    deleted_at: i64,
    pub token: Token,
    pub owner: User,
}

/// The values of the columns of the order.
pub(crate) fn sort_values(row: &DeletedToken) -> Vec<SortValue> {
    vec![SortValue::Number(row.deleted_at), SortValue::Number(row.token.key.0)]
}

/// Counts the tokens that were deleted after `since`, up to `limit`.
pub(crate) fn count(
    conn: &mut DbConnection,
    scope: DeletedScope,
    since: Timestamp,
    limit: usize,
) -> Result<Count, DbError> {
    let (column, key) = scope.key();
    // The order is that of the index, which is used therefore.
    let query = format!(
        "FROM tokens WHERE {column} = {key} AND tokens.deleted_at > {} ORDER BY tokens.deleted_at",
        since.micros()
    );
    Ok(count_up_to(conn, &[(query, limit)])?.pop().unwrap_or(Count { rows: 0, is_more: false }))
}

/// Loads the keys of the tokens that match the search: at most one more than [`MATCHES_MAX`].
fn search(conn: &mut DbConnection, selection: &DeletedSelection) -> Result<Vec<i64>, DbError> {
    // The order is that of the index, which is used therefore.
    Ok(tokens::table
        .inner_join(memberships::table)
        .filter(selection.conditions())
        .order(tokens::deleted_at)
        .limit(i64::try_from(MATCHES_MAX + 1).unwrap_or(i64::MAX))
        .select(tokens::id)
        .load(conn)?)
}

/// Loads a page, and the number of tokens in the list, counted up to `limit`.
pub(crate) fn page(
    conn: &mut DbConnection,
    selection: &DeletedSelection,
    limit: usize,
) -> Result<(Page<DeletedToken>, Count), DbError> {
    let (matches, total) = if selection.words.is_empty() {
        (None, count(conn, selection.scope, selection.since, limit)?)
    } else {
        let keys = search(conn, selection)?;
        let total = Count { rows: keys.len().min(MATCHES_MAX), is_more: keys.len() > MATCHES_MAX };
        (Some(keys).filter(|_| !total.is_more), total)
    };
    let page = fetch(COLUMNS, selection.direction, selection.cursor.as_ref(), |seek| {
        let conditions = match &matches {
            Some(keys) => Conditions::one_of("tokens.id", keys),
            None => selection.conditions(),
        };
        Ok::<_, DbError>(
            tokens::table
                .inner_join(memberships::table)
                .filter(conditions.and_after(seek))
                .order(order_and_limit(seek))
                .select((tokens::deleted_at.assume_not_null(), tokens::id))
                .load::<(i64, i64)>(conn)?,
        )
    })?;
    let keys: Vec<i64> = page.rows.iter().map(|(_, key)| *key).collect();
    let mut found: HashMap<i64, (Token, User)> =
        list_deleted_by_key(conn, &keys)?.into_iter().map(|(token, owner)| (token.key.0, (token, owner))).collect();
    // A token that was purged between the queries is left out.
    let rows = page.rows.into_iter().filter_map(|(deleted_at, key)| {
        let (token, owner) = found.remove(&key)?;
        Some(DeletedToken { deleted_at, token, owner })
    });
    let page =
        Page { rows: rows.collect(), start: page.start, has_previous: page.has_previous, has_next: page.has_next };
    Ok((page, total))
}
