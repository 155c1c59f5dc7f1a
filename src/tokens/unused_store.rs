//! The tokens of a workspace that were not used for some time.

use diesel::prelude::*;

use crate::accounts::model::User;
use crate::base::clock::Timestamp;
use crate::db::ids::WorkspaceId;
use crate::db::schema::token_listings;
use crate::db::{DbConnection, DbError};
use crate::tokens::model::Token;
use crate::tokens::owner_store::list_by_key;

/// Loads the tokens that were not used since `since` and whose current value is not younger, with their owners: those that are
/// unused for the longest time, at most `limit`.
pub(crate) fn longest_unused(
    conn: &mut DbConnection,
    workspace: WorkspaceId,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<(Token, User)>, DbError> {
    let keys = token_listings::table
        .filter(token_listings::workspace_id.eq(workspace.0).and(token_listings::idle_since.le(since.micros())))
        .order((token_listings::idle_since, token_listings::token_id))
        .limit(limit)
        .select(token_listings::token_id)
        .load::<i64>(conn)?;
    let mut tokens = list_by_key(conn, &keys)?;
    tokens.sort_by_key(|(token, _)| keys.iter().position(|key| *key == token.key.0));
    Ok(tokens)
}
