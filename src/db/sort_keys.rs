//! Fills the sort and search keys of rows that were written before the columns existed, or by an older version that still
//! runs.

use diesel::RunQueryDsl as _;
use diesel::sql_types::{BigInt, Text};

use crate::base::natural_order::sort_key;
use crate::base::text::case_fold;
use crate::db::connection::DbConnection;
use crate::db::error::DbError;

/// Rows per statement, with three parameters each.
const BATCH: usize = 500;

/// A text whose keys Rust computes. A row that has its key already keeps it: another process may have changed the text.
struct KeyedText {
    table: &'static str,
    text: &'static str,
    /// The column that is empty if the keys are missing.
    key: &'static str,
    /// How a statement sets the keys of several rows: column 2 is the case-folded text, column 3 its sort key.
    assignments: &'static str,
}

const TEXTS: [KeyedText; 3] = [
    KeyedText {
        table: "users",
        text: "name",
        key: "name_sort",
        assignments: "name_key = filled.column2, name_sort = filled.column3",
    },
    KeyedText { table: "tokens", text: "name", key: "name_sort", assignments: "name_sort = filled.column3" },
    KeyedText { table: "tokens", text: "note", key: "note_key", assignments: "note_key = filled.column2" },
];

#[derive(diesel::QueryableByName)]
struct KeylessRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    text: String,
}

/// Fills the missing keys of one batch. Returns whether there may be more.
pub(crate) fn fill_batch(conn: &mut DbConnection) -> Result<bool, DbError> {
    for keyed in &TEXTS {
        let rows = missing(conn, keyed)?;
        if rows.is_empty() {
            continue;
        }
        let values: Vec<String> =
            (0..rows.len()).map(|row| format!("(${}, ${}, ${})", 3 * row + 1, 3 * row + 2, 3 * row + 3)).collect();
        let KeyedText { table, key, assignments, .. } = keyed;
        let update = format!(
            "UPDATE {table} SET {assignments} FROM (VALUES {}) AS filled \
             WHERE {table}.id = filled.column1 AND {table}.{key} = ''",
            values.join(", ")
        );
        crate::match_backend!(conn, conn => {
            let mut query = diesel::sql_query(update).into_boxed();
            for row in rows {
                let (key, sort) = (case_fold(&row.text), sort_key(&row.text));
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
    for keyed in &TEXTS {
        if !missing(conn, keyed)?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn missing(conn: &mut DbConnection, keyed: &KeyedText) -> Result<Vec<KeylessRow>, DbError> {
    let KeyedText { table, text, key, .. } = keyed;
    let query =
        format!("SELECT id, {text} AS text FROM {table} WHERE {key} = '' AND {text} <> '' ORDER BY id LIMIT {BATCH}");
    Ok(diesel::sql_query(query).load(conn)?)
}
