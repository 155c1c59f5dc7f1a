//! The query of the list of all tokens in a workspace. It reads `token_listings`, which has an index for each order and each
//! filter. A search or a filter with few matches loads their keys by the filter's index and sorts them; with more matches
//! the page reads the index of the order from the cursor on.

use std::collections::HashMap;

use diesel::prelude::*;

use crate::accounts::model::User;
use crate::base::clock::Timestamp;
use crate::db::ids::WorkspaceId;
use crate::db::list_conditions::{Conditions, order_and_limit};
use crate::db::list_page::{Cursor, Direction, Page, SortColumn, SortValue, fetch};
use crate::db::schema::token_listings;
use crate::db::{DbConnection, DbError};
use crate::members::token_order::TokenOrder;
use crate::tokens::filter::{TimeCondition, TokenFilter, TokenTime};
use crate::tokens::filter_store::{MATCHES_MAX, comparisons};
use crate::tokens::model::Token;
use crate::tokens::owner_store::list_by_key;

/// What the list is sorted by.
#[derive(Debug)]
struct Listing {
    token: i64,
    name_sort: String,
    owner_sort: String,
    created_at: i64,
    used_hour: i64,
    ends_at: i64,
}

crate::impl_select! {
    /// The columns of a [`Listing`].
    LISTING: Listing {
        token: i64 = token_listings::token_id,
        name_sort: String = token_listings::name_sort,
        owner_sort: String = token_listings::owner_sort,
        created_at: i64 = token_listings::created_at,
        used_hour: i64 = token_listings::used_hour,
        ends_at: i64 = token_listings::ends_at,
    }
}

/// A token of the list with its owner.
#[derive(Debug)]
pub(super) struct ListedToken {
    listing: Listing,
    pub token: Token,
    pub owner: User,
}

const ID: SortColumn = SortColumn::Number("token_listings.token_id");
const NAME: SortColumn = SortColumn::Text("token_listings.name_sort");

/// The columns of an order.
const fn columns(order: TokenOrder) -> &'static [SortColumn] {
    match order {
        TokenOrder::Owner => &[SortColumn::Text("token_listings.owner_sort"), NAME, ID],
        TokenOrder::Name => &[NAME, ID],
        TokenOrder::Used => &[SortColumn::Number("token_listings.used_hour"), ID],
        TokenOrder::Created => &[SortColumn::Number("token_listings.created_at"), ID],
        TokenOrder::Expires => &[SortColumn::Number("token_listings.ends_at"), ID],
    }
}

/// The values of the columns of an order.
pub(super) fn sort_values(row: &ListedToken, order: TokenOrder) -> Vec<SortValue> {
    let Listing { token, name_sort, owner_sort, created_at, used_hour, ends_at } = &row.listing;
    let text = |text: &String| SortValue::Text(text.clone());
    let first = match order {
        TokenOrder::Owner => return vec![text(owner_sort), text(name_sort), SortValue::Number(*token)],
        TokenOrder::Name => text(name_sort),
        TokenOrder::Used => SortValue::Number(*used_hour),
        TokenOrder::Created => SortValue::Number(*created_at),
        TokenOrder::Expires => SortValue::Number(*ends_at),
    };
    vec![first, SortValue::Number(*token)]
}

/// What the list shows.
#[derive(Debug, Clone)]
pub(super) struct TokenSelection {
    pub workspace: WorkspaceId,
    pub filter: Option<TokenFilter>,
    /// The words of the search, case folded.
    pub words: Vec<String>,
    pub order: TokenOrder,
    pub direction: Direction,
    pub cursor: Option<Cursor>,
    pub now: Timestamp,
}

impl TokenSelection {
    fn conditions(&self) -> Conditions {
        Conditions::new("token_listings.workspace_id =", self.workspace.0)
    }

    /// The conditions of a page without a search by keys.
    fn page_conditions(&self) -> Conditions {
        let filter = self.filter.map(|filter| filter.condition(self.now));
        // The index of the order is also that of the filter.
        let is_ordered = match filter {
            Some((TokenTime::Ends, _)) => self.order == TokenOrder::Expires,
            Some((TokenTime::UsedHour, _)) => self.order == TokenOrder::Used,
            _ => false,
        };
        let conditions = self.filtered(self.conditions(), if is_ordered { "" } else { "+" });
        let conditions = match filter {
            // A token is not younger than its current value: the page begins where the index has the first old token.
            Some((TokenTime::ValueCreated, TimeCondition::Until(time))) if self.order == TokenOrder::Created => {
                conditions.and("token_listings.created_at <=", SortValue::Number(time.micros()))
            }
            _ => conditions,
        };
        conditions.and_contains("token_listings.search_text", &self.words)
    }

    /// The conditions of the filter. With a `sign` of `+` before the column, no index is used for it.
    fn filtered(&self, conditions: Conditions, sign: &str) -> Conditions {
        let Some(filter) = self.filter else { return conditions };
        comparisons(filter, self.now).into_iter().fold(conditions, |conditions, (column, sign_of, number)| {
            conditions.and(&format!("{sign}token_listings.{column} {sign_of}"), SortValue::Number(number))
        })
    }
}

/// Loads the keys of the tokens that match the search and the filter: at most one more than [`MATCHES_MAX`].
pub(super) fn search(conn: &mut DbConnection, selection: &TokenSelection) -> Result<Vec<i64>, DbError> {
    let found = selection.conditions().and_contains("token_listings.search_text", &selection.words);
    Ok(token_listings::table
        .filter(selection.filtered(found, ""))
        .limit(i64::try_from(MATCHES_MAX + 1).unwrap_or(i64::MAX))
        .select(token_listings::token_id)
        .load(conn)?)
}

/// Loads a page. `matches` are the results of the search, if there are few.
pub(super) fn page(
    conn: &mut DbConnection,
    selection: &TokenSelection,
    matches: Option<&[i64]>,
) -> Result<Page<ListedToken>, DbError> {
    let page = fetch(columns(selection.order), selection.direction, selection.cursor.as_ref(), |seek| {
        let conditions = match matches {
            Some(keys) => Conditions::one_of("token_listings.token_id", keys),
            None => selection.page_conditions(),
        };
        let page = token_listings::table.filter(conditions.and_after(seek)).order(order_and_limit(seek));
        page.select(LISTING).load::<Listing>(conn).map_err(DbError::from)
    })?;
    let keys: Vec<i64> = page.rows.iter().map(|listing| listing.token).collect();
    let mut tokens: HashMap<i64, (Token, User)> =
        list_by_key(conn, &keys)?.into_iter().map(|(token, owner)| (token.key.0, (token, owner))).collect();
    // A token that was deleted between the queries is left out.
    let rows = page.rows.into_iter().filter_map(|listing| {
        let (token, owner) = tokens.remove(&listing.token)?;
        Some(ListedToken { listing, token, owner })
    });
    Ok(Page { rows: rows.collect(), start: page.start, has_previous: page.has_previous, has_next: page.has_next })
}
