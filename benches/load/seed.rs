//! Creates databases with a given number of tokens, and provides the token values. The values must be the same in each
//! run.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection, SqliteConnection};
use latchkey::base::clock::Timestamp;
use latchkey::base::id::PublicId;
use latchkey::db::{DbConnection, DbError};
use latchkey::tokens::secret::{LENGTH, TokenValue, ValueDigest};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// 2026-11-24T00:00:00Z.
const NOW: Timestamp = Timestamp::from_micros(1_795_478_400_000_000);
const TOKENS_PER_MEMBER: usize = 3;
const MEMBERS_PER_WORKSPACE: usize = 1000;
/// Rows per INSERT statement.
const ROWS_PER_INSERT: usize = 500;

// Tables with the columns that the first version has too.
const WORKSPACES: &str =
    "workspaces (id, uuid, slug, name, kind, country, languages, timezone, date_style, created_at)";
const USERS: &str = "users (id, uuid, email, email_key, name, password_hash, is_active, created_at)";
const MEMBERSHIPS: &str = "memberships (id, user_id, workspace_id, role, created_at, last_opened_at)";
const TOKENS: &str = "tokens (id, uuid, membership_id, slot, name, name_key, created_at)";
const VALUES: &str = "token_values (id, token_id, generation, digest, hint, created_at)";

/// A database, and the data folder of its server.
#[derive(Clone)]
pub struct Database {
    pub url: String,
    pub folder: PathBuf,
}

/// Token values from a generator with a fixed seed.
pub struct Seed {
    values: Arc<Vec<u8>>,
}

impl Seed {
    pub fn new(tokens: usize) -> Self {
        Self { values: Arc::new(values(1, tokens)) }
    }

    /// Well-formed values that are in no database.
    pub fn unknown_values(count: usize) -> Arc<Vec<u8>> {
        Arc::new(values(2, count))
    }

    pub fn values(&self) -> Arc<Vec<u8>> {
        Arc::clone(&self.values)
    }

    pub fn value(&self, number: usize) -> &str {
        std::str::from_utf8(&self.values[number * LENGTH..(number + 1) * LENGTH]).unwrap()
    }

    /// Number of tokens.
    fn len(&self) -> usize {
        self.values.len() / LENGTH
    }

    /// A SQLite database in this folder, with the schema of this build; created if it is missing.
    pub fn in_sqlite(&self, folder: &Path, build: &Path) -> Database {
        let file = folder.join("latchkey.db");
        let database = Database { url: format!("sqlite://{}", file.display()), folder: folder.to_owned() };
        if !file.exists() {
            std::fs::create_dir_all(folder).unwrap();
            self.fill(build, &database.url, "PRAGMA synchronous = OFF; PRAGMA cache_size = -500000");
        }
        database
    }

    /// A new `PostgreSQL` database on this server.
    pub fn in_postgres(&self, server: &str, folder: &Path, build: &Path) -> Database {
        let mut url: url::Url = server.parse().unwrap();
        let name = format!("latchkey_load_{}", std::process::id());
        let mut conn = PgConnection::establish(server).unwrap();
        conn.batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
        url.set_path(&name);
        self.fill(build, url.as_str(), "SET synchronous_commit = off");
        // Only the tables with rows: a session would plan to read the others without an index, and keep the plan while they grow.
        let filled = "VACUUM ANALYZE workspaces, users, memberships, tokens, token_values, value_uses, token_listings";
        PgConnection::establish(url.as_str()).unwrap().batch_execute(filled).unwrap();
        std::fs::create_dir_all(folder).unwrap();
        Database { url: url.into(), folder: folder.to_owned() }
    }

    fn fill(&self, build: &Path, url: &str, fast_settings: &str) {
        let migrated = Command::new(build).arg("migrate").env("DATABASE_URL", url).output().unwrap();
        assert!(migrated.status.success(), "{migrated:?}");
        let is_postgres = url.starts_with("postgres");
        let mut conn = match url.strip_prefix("sqlite://") {
            Some(file) => DbConnection::Sqlite(SqliteConnection::establish(file).unwrap()),
            None => DbConnection::Postgres(PgConnection::establish(url).unwrap()),
        };
        run(&mut conn, fast_settings).unwrap();
        conn.transaction(|conn| self.insert(conn, is_postgres)).unwrap();
    }

    fn insert(&self, conn: &mut DbConnection, is_postgres: bool) -> Result<(), DbError> {
        let mut rng = StdRng::seed_from_u64(3);
        let mut uuid = move || PublicId::new(NOW, &mut rng);
        let at = NOW.micros();
        let true_literal = if is_postgres { "TRUE" } else { "1" };
        let blob = |digest: ValueDigest| {
            let hex = digest.as_bytes().iter().fold(String::new(), |hex, byte| hex + format!("{byte:02x}").as_str());
            if is_postgres { format!("'\\x{hex}'") } else { format!("x'{hex}'") }
        };
        let members = self.len().div_ceil(TOKENS_PER_MEMBER);
        let workspaces = members.div_ceil(MEMBERS_PER_WORKSPACE);
        insert_rows(conn, WORKSPACES, workspaces, |n| {
            format!(
                "({n}, '{}', 'acme-{n}', 'Acme {n}', 'production', 'DE', 'eng', 'Europe/Berlin', 'day_first', {at})",
                uuid()
            )
        })?;
        insert_rows(conn, USERS, members, |n| {
            format!(
                "({n}, '{}', 'ada{n}@example.org', 'ada{n}@example.org', 'Ada {n}', '-', {true_literal}, {at})",
                uuid()
            )
        })?;
        insert_rows(conn, MEMBERSHIPS, members, |n| {
            format!("({n}, {n}, {}, 'editor', {at}, {at})", (n - 1) / MEMBERS_PER_WORKSPACE + 1)
        })?;
        insert_rows(conn, TOKENS, self.len(), |n| {
            let (member, slot) = ((n - 1) / TOKENS_PER_MEMBER + 1, (n - 1) % TOKENS_PER_MEMBER + 1);
            format!("({n}, '{}', {member}, {slot}, 'Reporting {slot}', 'reporting {slot}', {at})", uuid())
        })?;
        insert_rows(conn, VALUES, self.len(), |n| {
            let value = self.value(n - 1);
            format!("({n}, {n}, 1, {}, '{}', {at})", blob(ValueDigest::parse(value).unwrap()), &value[LENGTH - 4..])
        })?;
        insert_rows(conn, "value_uses (value_id)", self.len(), |n| format!("({n})"))
    }
}

fn insert_rows(
    conn: &mut DbConnection,
    table: &str,
    count: usize,
    mut row: impl FnMut(usize) -> String,
) -> Result<(), DbError> {
    for first in (1..=count).step_by(ROWS_PER_INSERT) {
        let rows: Vec<String> = (first..=count.min(first + ROWS_PER_INSERT - 1)).map(&mut row).collect();
        run(conn, &format!("INSERT INTO {table} VALUES {}", rows.join(", ")))?;
    }
    Ok(())
}

fn run(conn: &mut DbConnection, sql: &str) -> Result<(), DbError> {
    Ok(conn.batch_execute(sql)?)
}

fn values(seed: u64, count: usize) -> Vec<u8> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..count).flat_map(|_| TokenValue::generate(&mut rng).reveal().bytes().collect::<Vec<_>>()).collect()
}
