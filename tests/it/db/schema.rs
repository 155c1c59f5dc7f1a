//! `schema.rs` equals the result of the migrations on both databases.

use std::collections::{BTreeMap, BTreeSet};

use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection as _;
use latchkey::db::{Db, DbError};

use crate::support::database::{TestDatabase, is_postgres, rows};

/// Table by table, the columns that `schema.rs` declares, read from its own text.
fn declared() -> BTreeMap<String, BTreeSet<(String, String)>> {
    let text = include_str!("../../../src/db/schema.rs");
    let mut tables = BTreeMap::new();
    for block in text.split("diesel::table! {").skip(1) {
        let name = block.trim_start().split(' ').next().unwrap().to_owned();
        let columns = block
            .split("\n    }")
            .next()
            .unwrap()
            .lines()
            .filter_map(|line| line.trim().strip_suffix(',')?.split_once(" -> "));
        tables.insert(name, columns.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect());
    }
    tables
}

#[derive(diesel::QueryableByName)]
struct Column {
    #[diesel(sql_type = diesel::sql_types::Text)]
    table_name: String,
    #[diesel(sql_type = diesel::sql_types::Text)]
    column_name: String,
    #[diesel(sql_type = diesel::sql_types::Text)]
    kind: String,
    #[diesel(sql_type = diesel::sql_types::Bool)]
    nullable: bool,
}

const SQLITE_COLUMNS: &str = "SELECT m.name AS table_name, p.name AS column_name, p.type AS kind, \
    (p.\"notnull\" = 0 AND p.pk = 0) AS nullable FROM sqlite_master m, pragma_table_info(m.name) p \
    WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND m.name NOT LIKE '__diesel%'";
const POSTGRES_COLUMNS: &str = "SELECT table_name::text AS table_name, column_name::text AS column_name, \
    data_type::text AS kind, is_nullable = 'YES' AS nullable FROM information_schema.columns \
    WHERE table_schema = 'public' AND table_name IN (SELECT tablename FROM pg_tables) AND table_name NOT LIKE '\\_\\_diesel%'";

#[db_test]
fn the_schema_equals_the_result_of_the_migrations() {
    let folder = tempfile::tempdir().unwrap();
    let database = TestDatabase::empty(&folder.path().join("x.db"));
    let db = Db::open(&database.url()).unwrap();
    let columns = if is_postgres() { POSTGRES_COLUMNS } else { SQLITE_COLUMNS };
    let columns: Vec<Column> =
        db.read_blocking(|conn| diesel::sql_query(columns).load(conn).map_err(DbError::from)).unwrap();
    let mut made: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
    for column in columns {
        let kinds: &[&str] = match column.kind.as_str() {
            "INTEGER" => &["BigInt", "SmallInt", "Bool"],
            "TEXT" | "text" => &["Text"],
            "BLOB" | "bytea" => &["Binary"],
            "bigint" => &["BigInt"],
            "smallint" => &["SmallInt"],
            "boolean" => &["Bool"],
            other => panic!("{other}"),
        };
        // SQLite has one kind of integer: take the one that was declared, if it is one of them.
        let declared = declared();
        let said = declared
            .get(&column.table_name)
            .and_then(|columns| columns.iter().find(|(name, _)| *name == column.column_name))
            .map(|(_, kind)| kind.clone());
        let bare = said.as_deref().map(|kind| kind.trim_start_matches("Nullable<").trim_end_matches('>').to_owned());
        let kind = bare.filter(|kind| kinds.contains(&kind.as_str())).unwrap_or_else(|| kinds[0].to_owned());
        let kind = if column.nullable { format!("Nullable<{kind}>") } else { kind };
        made.entry(column.table_name).or_default().insert((column.column_name, kind));
    }
    assert_eq!(made, declared());
}

#[db_test]
fn several_processes_start_concurrently_on_an_empty_database() {
    let folder = tempfile::tempdir().unwrap();
    let database = TestDatabase::empty(&folder.path().join("x.db"));
    let url = database.url();
    let opened: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(|| Db::open(&url).map(|_| ()))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for opened in opened {
        opened.unwrap();
    }
}

#[db_test]
fn an_address_of_an_older_database_is_not_verified() {
    let folder = tempfile::tempdir().unwrap();
    let database = TestDatabase::empty(&folder.path().join("x.db"));
    Db::open(&database.url()).unwrap();
    let mut conn = database.connect();
    let down = if is_postgres() {
        include_str!("../../../migrations/postgres/2026-11-27-000019_verified_email_addresses/down.sql")
    } else {
        include_str!("../../../migrations/sqlite/2026-11-27-000019_verified_email_addresses/down.sql")
    };
    conn.batch_execute(down).unwrap();
    conn.batch_execute("DELETE FROM __diesel_schema_migrations WHERE version = '20261127000019'").unwrap();
    conn.batch_execute(
        "INSERT INTO users (uuid, email, email_key, name, password_hash, is_active, created_at) VALUES \
         ('1', 'ceo@victim.example', 'ceo@victim.example', 'Mallory', '', (1 = 1), 0)",
    )
    .unwrap();
    drop(conn);
    Db::open(&database.url()).unwrap();
    let unverified = "SELECT email AS text FROM users WHERE email_verified_at IS NULL";
    assert_eq!(rows(&mut database.connect(), unverified), ["ceo@victim.example"]);
}
