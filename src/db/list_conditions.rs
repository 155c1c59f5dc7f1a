//! The conditions of a list's query that are known at run time only: filter, search and position. The SQL is written so that
//! the index which a query follows does not depend on the planner's statistics.

use diesel::backend::Backend;
use diesel::dsl::sql;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, SqlLiteral, ValidGrouping, is_aggregate};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, Bool, Text, Untyped};

use crate::db::list_page::{Direction, PAGE_ROWS, Seek, SortValue};

/// A part of a condition. The text is the program's own, never input.
#[derive(Debug, Clone)]
enum Part {
    Sql(String),
    Value(SortValue),
}

/// Conditions joined by AND.
#[derive(Debug, Clone)]
pub(crate) struct Conditions(Vec<Part>);

impl Conditions {
    /// Returns conditions that begin with this one: SQL, and a number that follows it.
    pub(crate) fn new(sql: &str, number: i64) -> Self {
        Self(vec![Part::Sql(format!("{sql} ")), Part::Value(SortValue::Number(number))])
    }

    /// Returns conditions that begin with this one: the column is one of these numbers.
    pub(crate) fn one_of(column: &str, numbers: &[i64]) -> Self {
        let mut conditions = Self(vec![Part::Sql(format!("{column} IN (NULL"))]);
        for number in numbers {
            conditions = conditions.then(", ");
            conditions.0.push(Part::Value(SortValue::Number(*number)));
        }
        conditions.then(")")
    }

    /// Adds a condition: SQL, and a value that follows it.
    #[must_use]
    pub(crate) fn and(mut self, sql: &str, value: SortValue) -> Self {
        self.0.push(Part::Sql(format!(" AND {sql} ")));
        self.0.push(Part::Value(value));
        self
    }

    /// Adds a condition without a value.
    #[must_use]
    pub(crate) fn and_sql(mut self, sql: &str) -> Self {
        self.0.push(Part::Sql(format!(" AND {sql}")));
        self
    }

    /// Adds conditions: the column contains each of the words. A page of such a list has many matches, since few are loaded by
    /// their keys. `coalesce` makes the planner of `PostgreSQL` expect half of the rows. For `LIKE` alone it expects 0.5 %, and
    /// sorts all matches instead of reading the index in the order of the list until the page is full.
    #[must_use]
    pub(crate) fn and_contains(mut self, column: &str, words: &[String]) -> Self {
        for word in words {
            let escaped = word.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
            self = self
                .and(&format!("coalesce({column} LIKE"), SortValue::Text(format!("%{escaped}%")))
                .then(" ESCAPE '\\', FALSE)");
        }
        self
    }

    /// Adds a condition: the row follows the position. It is a comparison of rows, which an index can search.
    #[must_use]
    pub(crate) fn and_after(mut self, seek: &Seek) -> Self {
        let Some(values) = &seek.after else { return self };
        let columns: Vec<&str> = seek.columns.iter().map(|column| column.name()).collect();
        let sign = if seek.direction == Direction::Ascending { '>' } else { '<' };
        self = self.then(&format!(" AND ({}) {sign} (", columns.join(", ")));
        for (nth, value) in values.iter().enumerate() {
            if nth > 0 {
                self = self.then(", ");
            }
            self.0.push(Part::Value(value.clone()));
        }
        self.then(")")
    }

    /// Closes a parenthesis that a condition opened.
    #[must_use]
    pub(crate) fn close(self) -> Self {
        self.then(")")
    }

    fn then(mut self, sql: &str) -> Self {
        self.0.push(Part::Sql(sql.to_owned()));
        self
    }
}

/// Returns the order of a page and its limit: one row more than it shows. All columns have the same direction, as in an
/// index. The limit is part of the text, because the planner of `PostgreSQL` takes a parameter for a tenth of the rows.
pub(crate) fn order_and_limit(seek: &Seek) -> SqlLiteral<Untyped> {
    let suffix = if seek.direction == Direction::Ascending { "" } else { " DESC" };
    let columns: Vec<String> = seek.columns.iter().map(|column| format!("{}{suffix}", column.name())).collect();
    sql(&format!("{} LIMIT {}", columns.join(", "), PAGE_ROWS + 1))
}

impl Expression for Conditions {
    type SqlType = Bool;
}

impl<QS> AppearsOnTable<QS> for Conditions {}

impl<QS> SelectableExpression<QS> for Conditions {}

impl ValidGrouping<()> for Conditions {
    type IsAggregate = is_aggregate::No;
}

impl QueryId for Conditions {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<DB: Backend> QueryFragment<DB> for Conditions
where
    i64: ToSql<BigInt, DB>,
    String: ToSql<Text, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        // The number of values varies.
        out.unsafe_to_cache_prepared();
        for part in &self.0 {
            match part {
                Part::Sql(sql) => out.push_sql(sql),
                Part::Value(SortValue::Number(number)) => out.push_bind_param::<BigInt, _>(number)?,
                Part::Value(SortValue::Text(text)) => out.push_bind_param::<Text, _>(text)?,
            }
        }
        Ok(())
    }
}

/// A number of rows, counted up to a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    pub rows: usize,
    /// There are more.
    pub is_more: bool,
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = BigInt)]
    nth: i64,
    #[diesel(sql_type = BigInt)]
    rows: i64,
}

/// Counts the rows of several queries in one statement, each up to its limit. A query is `FROM … WHERE …` without values of
/// a client.
pub(crate) fn count_up_to(
    conn: &mut crate::db::DbConnection,
    queries: &[(String, usize)],
) -> Result<Vec<Count>, crate::db::DbError> {
    let parts: Vec<String> = queries
        .iter()
        .enumerate()
        .map(|(nth, (query, limit))| {
            format!(
                "SELECT CAST({nth} AS BIGINT) AS nth, count(*) AS rows FROM (SELECT 1 {query} LIMIT {}) AS part{nth}",
                limit + 1
            )
        })
        .collect();
    let mut rows: Vec<CountRow> = diesel::sql_query(parts.join(" UNION ALL ")).load(conn)?;
    rows.sort_by_key(|row| row.nth);
    let counts = rows.into_iter().zip(queries).map(|(row, (_, limit))| {
        let rows = usize::try_from(row.rows).unwrap_or_default();
        Count { rows: rows.min(*limit), is_more: rows > *limit }
    });
    Ok(counts.collect())
}
