//! The tokens of a workspace that were not used for some time.

use diesel::prelude::*;

use crate::accounts::model::User;
use crate::base::clock::Timestamp;
use crate::db::ids::WorkspaceId;
use crate::db::list_conditions::{Count, count_up_to};
use crate::db::schema::token_listings;
use crate::db::{DbConnection, DbError};
use crate::tokens::model::Token;
use crate::tokens::owner_store::list_by_key;

/// Tokens are counted up to this number, as the filters of the list of all tokens count.
const COUNT_MAX: usize = 1_000;

/// The unused tokens of a workspace.
pub(crate) struct UnusedTokens {
    pub count: Option<Count>,
    /// Those that are unused for the longest time, with their owners.
    pub first: Vec<(Token, User)>,
}

/// Loads the tokens whose values were not used since `since` and whose current value is not younger. At most `limit` of
/// them are returned.
pub(crate) fn load(
    conn: &mut DbConnection,
    workspace: WorkspaceId,
    since: Timestamp,
    limit: i64,
) -> Result<UnusedTokens, DbError> {
    let (key, micros) = (workspace.0, since.micros());
    let query = format!("FROM token_listings WHERE workspace_id = {key} AND idle_since <= {micros}");
    let count = count_up_to(conn, &[(query, COUNT_MAX)])?.first().copied();
    let keys = token_listings::table
        .filter(token_listings::workspace_id.eq(key).and(token_listings::idle_since.le(micros)))
        .order((token_listings::idle_since, token_listings::token_id))
        .limit(limit)
        .select(token_listings::token_id)
        .load::<i64>(conn)?;
    let mut first = list_by_key(conn, &keys)?;
    first.sort_by_key(|(token, _)| keys.iter().position(|key| *key == token.key.0));
    Ok(UnusedTokens { count, first })
}
