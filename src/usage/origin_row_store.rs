//! Statements that `SQLite` runs for each caller. Each is a query type whose prepared statement is cached.

use diesel::backend::Backend;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, Text};

use crate::db::ids::{TokenId, ValueId};
use crate::usage::origins::Origin;

/// Adds to the row of a caller of a value's token. A row without an accepted call stays as it is when the first one is
/// added: that caller is new.
pub(super) struct AddToOrigin<'a> {
    value: i64,
    first: i64,
    last: i64,
    origin: &'a Origin,
}

impl<'a> AddToOrigin<'a> {
    pub(super) fn new(value: ValueId, origin: &'a Origin) -> Self {
        Self { value: value.0, first: origin.first_seen_at.micros(), last: origin.last_seen_at.micros(), origin }
    }
}

/// Inserts or replaces the row of a caller.
pub(super) struct ReplaceOrigin<'a> {
    token: i64,
    first: i64,
    last: i64,
    origin: &'a Origin,
}

impl<'a> ReplaceOrigin<'a> {
    pub(super) fn new(token: TokenId, origin: &'a Origin) -> Self {
        Self { token: token.0, first: origin.first_seen_at.micros(), last: origin.last_seen_at.micros(), origin }
    }
}

impl<DB: Backend> QueryFragment<DB> for AddToOrigin<'_>
where
    i64: ToSql<BigInt, DB>,
    str: ToSql<Text, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("UPDATE usage_origins SET first_seen_at = min(first_seen_at, ");
        out.push_bind_param::<BigInt, _>(&self.first)?;
        out.push_sql("), last_seen_at = max(last_seen_at, ");
        out.push_bind_param::<BigInt, _>(&self.last)?;
        out.push_sql("), calls = calls + ");
        out.push_bind_param::<BigInt, _>(&self.origin.calls)?;
        out.push_sql(", rejected = rejected + ");
        out.push_bind_param::<BigInt, _>(&self.origin.rejected)?;
        out.push_sql(" WHERE token_id = (SELECT token_id FROM token_values WHERE id = ");
        out.push_bind_param::<BigInt, _>(&self.value)?;
        out.push_sql(") AND ip = ");
        out.push_bind_param::<Text, str>(&self.origin.ip)?;
        out.push_sql(" AND agent = ");
        out.push_bind_param::<Text, str>(&self.origin.agent)?;
        out.push_sql(" AND (calls > 0 OR ");
        out.push_bind_param::<BigInt, _>(&self.origin.calls)?;
        out.push_sql(" = 0)");
        Ok(())
    }
}

impl<DB: Backend> QueryFragment<DB> for ReplaceOrigin<'_>
where
    i64: ToSql<BigInt, DB>,
    str: ToSql<Text, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql(
            "INSERT OR REPLACE INTO usage_origins (token_id, ip, agent, first_seen_at, last_seen_at, calls, rejected) VALUES (",
        );
        out.push_bind_param::<BigInt, _>(&self.token)?;
        for text in [&self.origin.ip, &self.origin.agent] {
            out.push_sql(", ");
            out.push_bind_param::<Text, str>(text)?;
        }
        for number in [&self.first, &self.last, &self.origin.calls, &self.origin.rejected] {
            out.push_sql(", ");
            out.push_bind_param::<BigInt, _>(number)?;
        }
        out.push_sql(")");
        Ok(())
    }
}

impl QueryId for AddToOrigin<'_> {
    type QueryId = AddToOrigin<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl QueryId for ReplaceOrigin<'_> {
    type QueryId = ReplaceOrigin<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<C> RunQueryDsl<C> for AddToOrigin<'_> {}

impl<C> RunQueryDsl<C> for ReplaceOrigin<'_> {}
