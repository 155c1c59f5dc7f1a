//! Fills the sort keys of rows that were written before the columns existed, or by an older version that still runs.

use diesel::RunQueryDsl as _;
use diesel::sql_types::{BigInt, Text};

use crate::base::natural_order::sort_key;
use crate::base::text::case_fold;
use crate::db::connection::DbConnection;
use crate::db::error::DbError;

/// Rows per statement, with three parameters each.
const BATCH: usize = 500;

/// The tables with a sort key, and how one statement sets the keys of several rows. A row that has its key already keeps
/// it: another process may have renamed it.
const TABLES: [(&str, &str); 2] =
    [("users", "name_key = filled.column2, name_sort = filled.column3"), ("tokens", "name_sort = filled.column3")];

#[derive(diesel::QueryableByName)]
struct NamedRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    name: String,
}

/// Fills the missing keys of one batch. Returns whether there may be more.
pub(crate) fn fill_batch(conn: &mut DbConnection) -> Result<bool, DbError> {
    for (table, columns) in TABLES {
        let rows = missing(conn, table)?;
        if rows.is_empty() {
            continue;
        }
        let values: Vec<String> =
            (0..rows.len()).map(|row| format!("(${}, ${}, ${})", 3 * row + 1, 3 * row + 2, 3 * row + 3)).collect();
        let update = format!(
            "UPDATE {table} SET {columns} FROM (VALUES {}) AS filled \
             WHERE {table}.id = filled.column1 AND {table}.name_sort = ''",
            values.join(", ")
        );
        crate::match_backend!(conn, conn => {
            let mut query = diesel::sql_query(update).into_boxed();
            for row in rows {
                let (key, sort) = (case_fold(&row.name), sort_key(&row.name));
                query = query.bind::<BigInt, _>(row.id).bind::<Text, _>(key).bind::<Text, _>(sort);
            }
            query.execute(conn)?
        });
        return Ok(true);
    }
    Ok(false)
}

/// Returns whether a row lacks its key. Partial indexes hold only such rows.
pub(crate) fn is_any_missing(conn: &mut DbConnection) -> Result<bool, DbError> {
    for (table, _) in TABLES {
        if !missing(conn, table)?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn missing(conn: &mut DbConnection, table: &str) -> Result<Vec<NamedRow>, DbError> {
    let query = format!("SELECT id, name FROM {table} WHERE name_sort = '' AND name <> '' ORDER BY id LIMIT {BATCH}");
    Ok(diesel::sql_query(query).load(conn)?)
}
