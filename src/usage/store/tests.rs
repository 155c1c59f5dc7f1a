use diesel::connection::SimpleConnection as _;

use super::*;
use crate::db::Db;
use crate::usage::{IDS_PER_RUN, ROWS_PER_TRANSACTION, SHARDS, UsageRecorder};

/// Creates a database with usage rows for this many values.
fn open_with_values(folder: &tempfile::TempDir, values: i64) -> Db {
    let db = Db::open(&folder.path().join("x.db").to_string_lossy().parse().unwrap()).unwrap();
    let rows = format!(
        "PRAGMA foreign_keys = OFF; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {values}) \
         INSERT INTO value_uses (value_id) SELECT i FROM n; PRAGMA foreign_keys = ON;"
    );
    db.read_blocking(|conn| conn.batch_execute(&rows).map_err(DbError::from)).unwrap();
    db
}

#[test]
fn each_value_has_its_own_client_and_uses_beyond_the_client_limit_have_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let (db, uses) = (open_with_values(&folder, 1000), UsageRecorder::default());
    let client = |agent: String| ClientInfo { ip: std::net::Ipv4Addr::LOCALHOST.into(), agent: Some(agent) };
    // The clients of one value fill the rest of the client table.
    (1..=10).for_each(|value| uses.record(ValueId(value), client(value.to_string()), Timestamp::from_micros(1)));
    (0..5000).for_each(|one| {
        uses.record(ValueId(20), client(format!("tool {one}")), Timestamp::from_micros(2_000 * (one + 1)));
    });
    uses.record(ValueId(30), client("late".to_owned()), Timestamp::from_micros(3));
    uses.flush_blocking(&db).unwrap();
    let query = value_uses::table.filter(value_uses::last_used_at.is_not_null()).order(value_uses::value_id);
    let columns = (value_uses::value_id, value_uses::last_used_at, value_uses::last_used_agent);
    let rows = db.read_blocking(|conn| {
        Ok::<_, DbError>(query.select(columns).load::<(i64, Option<i64>, Option<String>)>(conn)?)
    });
    let first = (1..=10).map(|value| (value, Some(1), Some(value.to_string())));
    assert!(rows.unwrap().into_iter().eq(first.chain([(20, Some(10_000_000), None), (30, Some(3), None)])));
}

#[test]
fn a_flush_that_fails_after_its_first_transaction_is_completed_and_writes_nothing_twice() {
    // Consecutive values of one shard, for more than one transaction.
    const VALUES: usize = ROWS_PER_TRANSACTION + 1000;
    let runs = (0..).step_by(SHARDS * usize::try_from(IDS_PER_RUN).unwrap());
    let values: Vec<i64> = runs.flat_map(|from| from + 1..from + IDS_PER_RUN).take(VALUES).collect();
    let folder = tempfile::tempdir().unwrap();
    let (db, uses) = (open_with_values(&folder, values[VALUES - 1]), UsageRecorder::default());
    let client = ClientInfo { ip: std::net::Ipv4Addr::LOCALHOST.into(), agent: None };
    for value in &values {
        uses.record(ValueId(*value), client.clone(), Timestamp::from_micros(1));
        uses.record_rejected(ValueId(*value), client.clone(), Timestamp::from_micros(1));
    }
    let change = |sql: String| db.write_blocking(|conn| conn.batch_execute(&sql).map_err(DbError::from)).unwrap();
    // Used values, rejected values, and the sum of their rejected uses.
    let counts = || {
        let columns = "count(last_used_at), count(last_try_at), sum(tries_after_end)";
        let query = format!("SELECT printf('%d %d %d', {columns}) AS text FROM value_uses");
        db.read_blocking(|conn| Ok::<_, DbError>(diesel::sql_query(&query).get_result::<Counts>(conn)?)).unwrap().text
    };
    let flush = || actix_web::rt::System::new().block_on(uses.flush(&db));
    change(format!(
        "CREATE TRIGGER stop BEFORE UPDATE ON value_uses WHEN NEW.value_id = {} \
         BEGIN SELECT RAISE(ABORT, 'database is locked'); END",
        values[VALUES - 1]
    ));
    flush();
    assert_eq!(counts(), "10000 10000 10000", "the first transaction is committed, the second is not");
    flush();
    assert_eq!(counts(), "10000 10000 10000");
    change("DROP TRIGGER stop".to_owned());
    flush();
    assert_eq!(counts(), "11000 11000 11000");
    uses.record_rejected(ValueId(values[0]), client, Timestamp::from_micros(2));
    flush();
    flush();
    assert_eq!(counts(), "11000 11000 11001");
}

#[derive(QueryableByName)]
struct Counts {
    #[diesel(sql_type = Text)]
    text: String,
}

#[test]
fn a_concurrent_flush_returns_when_everything_is_written() {
    const VALUES: i64 = 45_000;
    let folder = tempfile::tempdir().unwrap();
    let db = open_with_values(&folder, VALUES);
    let uses = UsageRecorder::default();
    let client = ClientInfo { ip: std::net::Ipv4Addr::LOCALHOST.into(), agent: None };
    (1..=VALUES).for_each(|value| uses.record(ValueId(value), client.clone(), Timestamp::from_micros(1)));
    let (first, first_db) = (uses.clone(), db.clone());
    let written = actix_web::rt::System::new().block_on(async move {
        let first = actix_web::rt::spawn(async move { first.flush(&first_db).await });
        // The first flush is in progress; a server that shuts down starts another and then aborts the first.
        tokio::task::yield_now().await;
        uses.flush(&db).await;
        first.abort();
        db.read(|conn| {
            let marked = value_uses::table.filter(value_uses::last_used_at.is_not_null());
            Ok::<i64, DbError>(marked.count().get_result(conn)?)
        })
        .await
    });
    assert_eq!(written.unwrap(), VALUES);
}
