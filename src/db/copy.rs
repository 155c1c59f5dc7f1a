//! Copies a database into an empty one, between any two backends.
//!
//! Rows keep their integer keys, so that foreign keys need no translation. The source is read in one snapshot and the
//! target is written in one transaction, so a copy is complete or absent.

mod report;

use diesel::connection::{AnsiTransactionManager, SimpleConnection as _, TransactionManager as _};

use crate::db::Db;
use crate::db::connection::{self, DbConnection};
pub use crate::db::copy::report::{CopyError, Progress};
use crate::db::error::DbError;
use crate::db::migrations::{SchemaState, schema_state};
use crate::db::transaction::{ConnTransactions, transaction_once};
use crate::db::url::DatabaseUrl;

/// Rows per statement. Multiplied by the columns of the widest table (16), it must stay below the maximum number of
/// parameters in a statement: 32,766 on `SQLite`, 65,535 on `PostgreSQL`.
const BATCH: i64 = 1_000;

/// The tables that are not copied. A copied session would make its cookie valid on both servers. Sign-in attempts
/// expire within minutes. An epoch refers to its own database. A server counts the top tokens when it starts.
pub const EXCLUDED_TABLES: &[&str] = &["sessions", "sign_in_attempts", "identity_epoch", "top_tokens"];

/// The tables that triggers of the target fill from the copied ones.
pub const DERIVED_TABLES: &[&str] = &["token_listings"];

/// Copied tables that a new server fills before its setup. Rows of the target in these tables are replaced.
const SEEDED_TABLES: &[&str] = &["settings", "one_time_links"];

/// Copies all tables except [`EXCLUDED_TABLES`] from the database at `from` to the one at `to`, which is created or
/// migrated if necessary and must have no rows except those of a new server. Calls `show` after each batch of rows.
///
/// # Errors
///
/// Returns a [`CopyError`] if the copy fails. The target is then unchanged.
pub fn copy(from: &DatabaseUrl, to: &DatabaseUrl, show: &dyn Fn(&Progress)) -> Result<(), CopyError> {
    if from == to {
        return Err(CopyError::Same(from.clone()));
    }
    let mut source = connection::open_existing(from)?;
    begin_snapshot(&mut source)?;
    match schema_state(&mut source)? {
        SchemaState::Current => {}
        SchemaState::Unknown => return Err(CopyError::Foreign(from.clone())),
        SchemaState::Outdated => return Err(CopyError::Behind(from.clone())),
        SchemaState::Newer => return Err(CopyError::Ahead(from.clone())),
    }
    if let DatabaseUrl::Postgres(_) = to {
        // A pool would retry for seconds and log each attempt if the server is down.
        drop(connection::open_existing(to)?);
    }
    let target = Db::open(to)?;
    let mut target = target.writes.get()?;
    transaction_once(&mut target, |target| {
        lock_tables(target)?;
        if let Some(table) = first_with_rows(target)? {
            return Err(CopyError::NotEmpty(to.clone(), table));
        }
        copy_tables(&mut source, target, show)?;
        Ok(analyze_tables(target)?)
    })
    .map_err(|(error, _)| error)?;
    // The transaction is read-only, so a failed rollback has no effect.
    let _ = ConnTransactions::rollback_transaction(&mut source);
    Ok(())
}

/// Begins a read transaction in which all queries see the same snapshot.
fn begin_snapshot(conn: &mut DbConnection) -> Result<(), DbError> {
    match conn {
        DbConnection::Sqlite(conn) => AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN")?,
        DbConnection::Postgres(conn) => {
            AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
            conn.batch_execute("SET LOCAL statement_timeout = 0")?;
        }
    }
    Ok(())
}

/// Prevents other writers from adding rows after the check for empty tables. On `SQLite` the write transaction does
/// this.
fn lock_tables(conn: &mut DbConnection) -> Result<(), DbError> {
    if let DbConnection::Postgres(conn) = conn {
        let tables = COPIED_TABLES.join(", ");
        conn.batch_execute(&format!("SET LOCAL statement_timeout = 0; LOCK TABLE {tables} IN EXCLUSIVE MODE"))?;
    }
    Ok(())
}

/// Collects the statistics of the new rows for the query planner. `PostgreSQL` would do so after a minute; a server on `SQLite`
/// does it when it starts. Leaves out empty tables: a session would plan to read them without an index, and keep the plan
/// while they grow.
fn analyze_tables(conn: &mut DbConnection) -> Result<(), DbError> {
    if let DbConnection::Postgres(conn) = conn {
        for table in [COPIED_TABLES, DERIVED_TABLES].concat() {
            let analyze = format!("IF EXISTS (SELECT FROM {table}) THEN ANALYZE {table}; END IF");
            conn.batch_execute(&format!("DO $$ BEGIN {analyze}; END $$"))?;
        }
    }
    Ok(())
}

/// Advances a key sequence past the copied keys. `SQLite` derives the next key from the table.
fn advance_sequence(conn: &mut DbConnection, table: &str) -> Result<(), DbError> {
    if let DbConnection::Postgres(conn) = conn {
        conn.batch_execute(&format!(
            "SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table} HAVING max(id) IS NOT NULL"
        ))?;
    }
    Ok(())
}

/// The condition that the key of a row, of one or several columns, is greater than that of `$last`.
macro_rules! follows {
    ($table:ident, $last:ident, $key:ident) => { $table::$key.gt(&$last.$key) };
    ($table:ident, $last:ident, $key:ident, $($next:ident),+) => {
        $table::$key.gt(&$last.$key).or($table::$key.eq(&$last.$key).and(follows!($table, $last, $($next),+)))
    };
}

/// Defines the copied tables. A table must follow the tables that it refers to. The columns must have the order of
/// `schema.rs`: the compiler checks their number and types, `tests/it/db/copy.rs` checks the rest.
macro_rules! tables {
    ($($table:ident by $key:ident $(, $next:ident)* $(as $sequence:ident)? { $($column:ident: $type:ty),+ $(,)? })+) => {
        /// The tables that are copied.
        pub const COPIED_TABLES: &[&str] = &[$(stringify!($table)),+];

        fn first_with_rows(conn: &mut DbConnection) -> Result<Option<&'static str>, DbError> {
            $({
                let table = stringify!($table);
                if !SEEDED_TABLES.contains(&table) && $table::count(conn)? > 0 {
                    return Ok(Some(table));
                }
            })+
            Ok(None)
        }

        fn copy_tables(from: &mut DbConnection, to: &mut DbConnection, show: &dyn Fn(&Progress)) -> Result<(), CopyError> {
            $(
                let table = stringify!($table);
                let failed = |error| CopyError::Table(table, error);
                if SEEDED_TABLES.contains(&table) {
                    $table::clear(to).map_err(failed)?;
                }
                let mut progress = Progress { table, done: 0, total: $table::count(from).map_err(failed)? };
                $table::copy(from, to, |rows| {
                    progress.done += rows;
                    show(&progress);
                })
                .map_err(failed)?;
                if progress.total == 0 {
                    show(&progress);
                }
                let arrived = $table::count(to).map_err(failed)?;
                if arrived != progress.total {
                    return Err(CopyError::RowCountMismatch { of: progress, arrived });
                }
                $(
                    let $sequence = table;
                    advance_sequence(to, $sequence).map_err(failed)?;
                )?
            )+
            Ok(())
        }

        $(mod $table {
            use super::BATCH;
            use crate::db::{DbConnection, DbError};
            use crate::db::schema::$table;
            use crate::db::schema::$table::table;
            use diesel::prelude::*;

            #[derive(Queryable, Insertable)]
            #[diesel(table_name = $table, treat_none_as_default_value = false)]
            struct Row {
                $($column: $type),+
            }

            pub(crate) fn count(conn: &mut DbConnection) -> Result<i64, DbError> {
                Ok(crate::match_backend!(conn, conn => table.count().get_result(conn))?)
            }

            pub(crate) fn clear(conn: &mut DbConnection) -> Result<usize, DbError> {
                Ok(crate::match_backend!(conn, conn => diesel::delete(table).execute(conn))?)
            }

            pub(crate) fn copy(from: &mut DbConnection, to: &mut DbConnection, mut on_batch: impl FnMut(i64)) -> Result<(), DbError> {
                let mut last: Option<Row> = None;
                loop {
                    let key = ($table::$key, $($table::$next),*);
                    let rows: Vec<Row> = match &last {
                        None => crate::match_backend!(from, conn => table.order(key).limit(BATCH).load(conn))?,
                        Some(last) => {
                            // The first condition lets the database find the start in the index.
                            let rest = table
                                .filter($table::$key.ge(&last.$key))
                                .filter(follows!($table, last, $key $(, $next)*))
                                .order(key)
                                .limit(BATCH);
                            crate::match_backend!(from, conn => rest.load(conn))?
                        }
                    };
                    if rows.is_empty() {
                        return Ok(());
                    }
                    let written = crate::match_backend!(to, conn => diesel::insert_into(table).values(&rows).execute(conn))?;
                    on_batch(i64::try_from(written).unwrap_or(i64::MAX));
                    last = rows.into_iter().next_back();
                }
            }
        })+
    };
}

tables! {
    users by id as numbered {
        id: i64,
        uuid: String,
        email: String,
        email_key: String,
        name: String,
        password_hash: String,
        is_active: bool,
        created_at: i64,
        credentials_generation: i64,
        email_verified_at: Option<i64>,
        prefers_browser_zone: bool,
        name_key: String,
        name_sort: String,
    }
    workspaces by id as numbered {
        id: i64,
        uuid: String,
        slug: String,
        name: String,
        kind: String,
        country: String,
        languages: String,
        timezone: String,
        date_style: String,
        created_at: i64,
    }
    memberships by id as numbered {
        id: i64,
        user_id: i64,
        workspace_id: i64,
        role: String,
        created_at: i64,
        last_opened_at: i64,
        removed_at: Option<i64>,
        checklist_hidden_at: Option<i64>,
        name_sort: String,
        search_text: String,
        token_count: i64,
        last_seen_at: i64,
    }
    tokens by id as numbered {
        id: i64,
        uuid: String,
        membership_id: i64,
        slot: i16,
        name: String,
        name_key: String,
        created_at: i64,
        deleted_at: Option<i64>,
        deleted_by: Option<String>,
        deleted_via: Option<String>,
        note: Option<String>,
        name_sort: String,
        note_key: String,
        deleted_in: Option<i64>,
        deleted_hint: Option<String>,
    }
    token_values by id as numbered {
        id: i64,
        token_id: i64,
        generation: i64,
        digest: Vec<u8>,
        form_key: Option<String>,
        hint: String,
        created_at: i64,
        ends_at: Option<i64>,
        end_reason: Option<String>,
    }
    value_uses by value_id {
        value_id: i64,
        first_used_at: Option<i64>,
        last_used_at: Option<i64>,
        last_used_ip: Option<String>,
        last_used_agent: Option<String>,
        tries_after_end: i64,
        last_try_at: Option<i64>,
        last_try_ip: Option<String>,
        last_try_agent: Option<String>,
    }
    usage_days by day, value_id {
        day: i64,
        value_id: i64,
        calls: i64,
        rejected: i64,
    }
    usage_origins by token_id, ip, agent {
        token_id: i64,
        ip: String,
        agent: String,
        first_seen_at: i64,
        last_seen_at: i64,
        calls: i64,
        rejected: i64,
    }
    workspace_usage_days by workspace_id, day {
        workspace_id: i64,
        day: i64,
        calls: i64,
        rejected: i64,
    }
    one_time_links by digest {
        digest: Vec<u8>,
        uuid: String,
        purpose: String,
        workspace: Option<String>,
        role: Option<String>,
        note: Option<String>,
        user_uuid: Option<String>,
        created_by: Option<String>,
        form_key: Option<String>,
        created_at: i64,
        expires_at: i64,
        used_at: Option<i64>,
        email: Option<String>,
        search_text: String,
    }
    settings by key {
        key: String,
        value: String,
    }
    events by id as numbered {
        id: i64,
        at: i64,
        kind: String,
        actor: Option<String>,
        workspace: Option<String>,
        token: Option<String>,
        ip: Option<String>,
        agent: Option<String>,
        detail: Option<String>,
        action: String,
        actor_name: Option<String>,
        actor_email: Option<String>,
        subject: Option<String>,
        subject_name: Option<String>,
        subject_email: Option<String>,
        token_name: Option<String>,
    }
}
