//! Queries of the callers of tokens.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text};

use crate::base::clock::Timestamp;
use crate::db::ids::{TokenId, ValueId};
use crate::db::schema::{token_values, tokens, usage_origins};
use crate::db::transaction::advisory_lock;
use crate::db::{DbConnection, DbError};
use crate::usage::origin_row_store::{AddToOrigin, ReplaceOrigin};
use crate::usage::origins::{Origin, add_origin, merge_same};
use crate::usage::store::{ROWS_PER_STATEMENT, pause_before};

crate::impl_select! {
    /// The columns of an [`Origin`].
    ORIGIN: Origin {
        ip: String = usage_origins::ip,
        agent: String = usage_origins::agent,
        first_seen_at: Timestamp = usage_origins::first_seen_at,
        last_seen_at: Timestamp = usage_origins::last_seen_at,
        calls: i64 = usage_origins::calls,
        rejected: i64 = usage_origins::rejected,
    } => Self { ip: ip.into(), agent: agent.into(), first_seen_at, last_seen_at, calls, rejected }
}

/// The callers of a token, the latest first. One of them can count the others, see [`Origin::is_others`].
pub fn origins(conn: &mut DbConnection, token: TokenId) -> Result<Vec<Origin>, DbError> {
    Ok(usage_origins::table
        .filter(usage_origins::token_id.eq(token.0))
        .order((usage_origins::last_seen_at.desc(), usage_origins::ip, usage_origins::agent))
        .select(ORIGIN)
        .load(conn)?)
}

/// The callers of some tokens, in the order of the tokens' keys.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CountedOrigins {
    /// The tokens are those after this one, up to and including `last`.
    pub after: TokenId,
    pub last: TokenId,
    pub total: i64,
    /// The callers that were last seen before a time.
    pub unseen: i64,
}

/// Number of tokens that one step counts.
const TOKENS_PER_STEP: i64 = 1000;

/// Counts the callers of the tokens that follow `after`, and those of them that were last seen before `before`. There is no
/// index on that time, because each flush changes it.
pub(crate) fn count_unseen(
    conn: &mut DbConnection,
    after: TokenId,
    before: Timestamp,
) -> Result<Option<CountedOrigins>, DbError> {
    let next = tokens::table.filter(tokens::id.gt(after.0)).order(tokens::id).limit(TOKENS_PER_STEP);
    let Some(last) = next.select(tokens::id).load::<i64>(conn)?.pop() else { return Ok(None) };
    let rows =
        || usage_origins::table.filter(usage_origins::token_id.gt(after.0).and(usage_origins::token_id.le(last)));
    let total = rows().count().get_result(conn)?;
    let unseen = rows().filter(usage_origins::last_seen_at.lt(before.micros())).count().get_result(conn)?;
    Ok(Some(CountedOrigins { after, last: TokenId(last), total, unseen }))
}

/// Deletes the counted callers that were last seen before `before`: the oldest ones, about `limit`. Returns their number.
pub(crate) fn purge_unseen(
    conn: &mut DbConnection,
    counted: &CountedOrigins,
    before: Timestamp,
    limit: i64,
) -> Result<i64, DbError> {
    let (after, last) = (counted.after.0, counted.last.0);
    let of_tokens = || usage_origins::token_id.gt(after).and(usage_origins::token_id.le(last));
    let unseen = || of_tokens().and(usage_origins::last_seen_at.lt(before.micros()));
    let times = usage_origins::table.filter(unseen()).order(usage_origins::last_seen_at);
    let end =
        times.select(usage_origins::last_seen_at).offset(limit - 1).limit(1).get_result::<i64>(conn).optional()?;
    // Without a row at the limit, there are fewer.
    let end = end.unwrap_or(i64::MAX);
    let oldest = usage_origins::table.filter(unseen().and(usage_origins::last_seen_at.le(end)));
    Ok(i64::try_from(diesel::delete(oldest).execute(conn)?).unwrap_or(i64::MAX))
}

/// Adds the uses of each value to the row of their caller. Returns the callers that have no row yet, in the order of the tokens.
/// Uses of values that no longer exist are dropped.
pub(super) fn add(conn: &mut DbConnection, uses: &[(ValueId, Origin)]) -> Result<Vec<(TokenId, Origin)>, DbError> {
    let missing: Vec<&(ValueId, Origin)> = match conn {
        DbConnection::Sqlite(conn) => {
            let mut missing = Vec::new();
            for (nth, row) in uses.iter().enumerate() {
                pause_before(nth);
                if AddToOrigin::new(row.0, &row.1).execute(conn)? == 0 {
                    missing.push(row);
                }
            }
            missing
        }
        DbConnection::Postgres(_) => uses.iter().collect(),
    };
    let tokens = tokens_of(conn, missing.iter().map(|(value, _)| *value))?;
    let of_token = |(value, origin): &(ValueId, Origin)| Some((*tokens.get(value)?, origin.clone()));
    let mut new: Vec<(TokenId, Origin)> = missing.into_iter().filter_map(of_token).collect();
    merge_same(&mut new);
    match conn {
        DbConnection::Sqlite(_) => Ok(new),
        DbConnection::Postgres(conn) => add_all(conn, &new),
    }
}

/// Adds the uses of many callers in a statement, in the order of the keys. Returns those that have no row.
fn add_all(conn: &mut PgConnection, uses: &[(TokenId, Origin)]) -> Result<Vec<(TokenId, Origin)>, DbError> {
    let mut missing = Vec::new();
    for rows in uses.chunks(ROWS_PER_STATEMENT) {
        let found = bind_rows(ADD_ALL, rows).load::<Position>(conn)?;
        let found: HashSet<i64> = found.into_iter().map(|row| row.nth).collect();
        missing.extend((1..).zip(rows).filter(|(nth, _)| !found.contains(nth)).map(|(_, row)| row.clone()));
    }
    Ok(missing)
}

/// A row without an accepted call stays as it is when the first one is added: that caller is new.
const ADD_ALL: &str = "
    UPDATE usage_origins SET first_seen_at = LEAST(first_seen_at, used.first),
        last_seen_at = GREATEST(last_seen_at, used.last), calls = usage_origins.calls + used.calls,
        rejected = usage_origins.rejected + used.rejected
    FROM unnest($1, $2, $3, $4, $5, $6, $7) WITH ORDINALITY
        AS used (token, ip, agent, first, last, calls, rejected, nth)
    WHERE token_id = used.token AND usage_origins.ip = used.ip AND usage_origins.agent = used.agent
        AND (usage_origins.calls > 0 OR used.calls = 0)
    RETURNING used.nth AS nth";

/// The position of a row that was updated, from 1.
#[derive(QueryableByName)]
struct Position {
    #[diesel(sql_type = BigInt)]
    nth: i64,
}

/// The tokens of values that exist.
fn tokens_of(
    conn: &mut DbConnection,
    values: impl Iterator<Item = ValueId>,
) -> Result<HashMap<ValueId, TokenId>, DbError> {
    let mut values: Vec<i64> = values.map(|value| value.0).collect();
    values.dedup();
    let mut tokens = HashMap::with_capacity(values.len());
    for values in values.chunks(ROWS_PER_STATEMENT) {
        let rows = token_values::table.filter(token_values::id.eq_any(values));
        tokens.extend(rows.select((token_values::id, token_values::token_id)).load::<(ValueId, TokenId)>(conn)?);
    }
    Ok(tokens)
}

/// The callers of tokens before and after new ones were added.
pub(super) struct ChangedOrigins {
    pub token: TokenId,
    pub before: Vec<Origin>,
    pub added: Vec<Origin>,
    after: Vec<Origin>,
}

/// Parts of the new callers, each with all those of its tokens: the callers of a token before and after take several times the
/// memory of the new ones.
pub(super) fn parts(new: &[(TokenId, Origin)]) -> impl Iterator<Item = &[(TokenId, Origin)]> {
    let mut rest = new;
    std::iter::from_fn(move || {
        let last = rest.get(..ROWS_PER_STATEMENT).unwrap_or(rest).last()?.0;
        let (part, others) = rest.split_at(rest.partition_point(|(token, _)| *token <= last));
        rest = others;
        Some(part)
    })
}

/// Adds callers that have no row yet, in the order of their tokens, and removes rows beyond the limit. Instances do this one
/// after the other, so that each caller is new once.
pub(super) fn insert(conn: &mut DbConnection, new: &[(TokenId, Origin)]) -> Result<Vec<ChangedOrigins>, DbError> {
    advisory_lock(conn, INSERT_LOCK)?;
    let by_token: Vec<_> = new.chunk_by(|(one, _), (other, _)| one == other).collect();
    let tokens: Vec<TokenId> = by_token.iter().filter_map(|rows| Some(rows.first()?.0)).collect();
    let mut known = load_for_update(conn, &tokens)?;
    let changes: Vec<ChangedOrigins> = tokens
        .into_iter()
        .zip(by_token)
        .map(|(token, rows)| {
            let before = known.remove(&token).unwrap_or_default();
            let mut added: Vec<Origin> = rows.iter().map(|(_, origin)| origin.clone()).collect();
            added.sort_by_key(|origin| origin.first_seen_at);
            let mut after = before.clone();
            for origin in &added {
                add_origin(&mut after, origin.clone());
            }
            ChangedOrigins { token, before, added, after }
        })
        .collect();
    let is_in = |list: &[Origin], row: &Origin| list.iter().any(|it| it.ip == row.ip && it.agent == row.agent);
    let (mut removed, mut written) = (Vec::new(), Vec::new());
    for change in &changes {
        let gone = change.before.iter().filter(|row| !is_in(&change.after, row));
        removed.extend(gone.map(|row| (change.token, row.clone())));
        let differing = change.after.iter().filter(|row| !change.before.contains(row));
        written.extend(differing.map(|row| (change.token, row.clone())));
    }
    match conn {
        DbConnection::Sqlite(conn) => {
            for (token, row) in &removed {
                let key = usage_origins::token_id.eq(token.0).and(usage_origins::ip.eq(&*row.ip));
                diesel::delete(usage_origins::table.filter(key.and(usage_origins::agent.eq(&*row.agent))))
                    .execute(conn)?;
            }
            for (nth, (token, origin)) in written.iter().enumerate() {
                pause_before(nth);
                ReplaceOrigin::new(*token, origin).execute(conn)?;
            }
        }
        DbConnection::Postgres(conn) => {
            for rows in removed.chunks(ROWS_PER_STATEMENT) {
                bind_rows(REMOVE_ALL, rows).execute(conn)?;
            }
            for rows in written.chunks(ROWS_PER_STATEMENT) {
                bind_rows(REPLACE_ALL, rows).execute(conn)?;
            }
        }
    }
    Ok(changes)
}

/// The key of the advisory lock.
const INSERT_LOCK: i64 = 0x7573_6167_655f_6f72;

const REMOVE_ALL: &str = "
    DELETE FROM usage_origins USING unnest($1, $2, $3, $4, $5, $6, $7) AS gone (token, ip, agent, first, last, calls, rejected)
    WHERE token_id = gone.token AND usage_origins.ip = gone.ip AND usage_origins.agent = gone.agent";

const REPLACE_ALL: &str = "
    INSERT INTO usage_origins (token_id, ip, agent, first_seen_at, last_seen_at, calls, rejected)
    SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (token_id, ip, agent) DO UPDATE SET first_seen_at = excluded.first_seen_at,
        last_seen_at = excluded.last_seen_at, calls = excluded.calls, rejected = excluded.rejected";

/// The callers of these tokens. On `PostgreSQL` other instances can't change them until the transaction ends.
fn load_for_update(conn: &mut DbConnection, tokens: &[TokenId]) -> Result<HashMap<TokenId, Vec<Origin>>, DbError> {
    let mut known: HashMap<TokenId, Vec<Origin>> = HashMap::new();
    let keys: Vec<i64> = tokens.iter().map(|token| token.0).collect();
    for keys in keys.chunks(ROWS_PER_STATEMENT) {
        let query = usage_origins::table.filter(usage_origins::token_id.eq_any(keys));
        let query = query.select((usage_origins::token_id, ORIGIN));
        let rows: Vec<(TokenId, Origin)> = match conn {
            DbConnection::Sqlite(conn) => query.load(conn)?,
            DbConnection::Postgres(conn) => query.for_update().load(conn)?,
        };
        for (token, origin) in rows {
            known.entry(token).or_default().push(origin);
        }
    }
    Ok(known)
}

type RowsQuery = diesel::query_builder::BoxedSqlQuery<'static, diesel::pg::Pg, diesel::query_builder::SqlQuery>;

/// A statement whose parameters are the columns of these rows.
fn bind_rows(statement: &'static str, rows: &[(TokenId, Origin)]) -> RowsQuery {
    let numbers = |get: fn(&Origin) -> i64| rows.iter().map(|(_, origin)| get(origin)).collect::<Vec<i64>>();
    let texts = |get: fn(&Origin) -> &str| rows.iter().map(|(_, row)| get(row).to_owned()).collect::<Vec<String>>();
    diesel::sql_query(statement)
        .into_boxed()
        .bind::<Array<BigInt>, _>(rows.iter().map(|(token, _)| token.0).collect::<Vec<i64>>())
        .bind::<Array<Text>, _>(texts(|row| &row.ip))
        .bind::<Array<Text>, _>(texts(|row| &row.agent))
        .bind::<Array<BigInt>, _>(numbers(|row| row.first_seen_at.micros()))
        .bind::<Array<BigInt>, _>(numbers(|row| row.last_seen_at.micros()))
        .bind::<Array<BigInt>, _>(numbers(|row| row.calls))
        .bind::<Array<BigInt>, _>(numbers(|row| row.rejected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_all_callers_of_their_tokens() {
        let at = Timestamp::from_micros(0);
        let origin = |nth: i64| Origin {
            ip: nth.to_string().into(),
            agent: "".into(),
            first_seen_at: at,
            last_seen_at: at,
            calls: 1,
            rejected: 0,
        };
        // Three callers of each token: a part of a thousand rows would end within a token.
        let new: Vec<(TokenId, Origin)> = (0..3001).map(|nth| (TokenId(nth / 3), origin(nth))).collect();
        let lengths: Vec<usize> = parts(&new).map(<[_]>::len).collect();
        assert_eq!(lengths, [1002, 1002, 997]);
        assert_eq!(parts(&new).flatten().collect::<Vec<_>>(), new.iter().collect::<Vec<_>>());
        assert_eq!(parts(&[]).count(), 0);
    }
}
