//! The databases of the tests: a `SQLite` file, or a database of one `PostgreSQL` server (`postgres.rs`), as the harness
//! chose for the current test.

use std::cell::Cell;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, RunQueryDsl as _};
use latchkey::db::{DatabaseUrl, DbConnection};

use super::postgres::{run, server};

/// The kind of database that a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

/// Whether the harness chooses the backend of each test. Without it there is only `SQLite`.
static HAS_HARNESS: AtomicBool = AtomicBool::new(false);

thread_local! {
    static CURRENT: Cell<Option<Backend>> = const { Cell::new(None) };
}

impl Backend {
    /// The backend of the test that runs on this thread.
    pub fn current() -> Self {
        let backend = CURRENT.get().or_else(|| (!HAS_HARNESS.load(Ordering::Relaxed)).then_some(Self::Sqlite));
        backend.expect("a test on a database is a #[db_test] and creates it on its own thread")
    }

    /// Chooses the backend of what runs on this thread from now on; `None` forbids the use of a database.
    pub fn set_current(backend: Option<Self>) {
        HAS_HARNESS.store(true, Ordering::Relaxed);
        CURRENT.set(backend);
    }

    /// The last part of the test's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// Whether the test that runs on this thread runs on `PostgreSQL`.
pub fn is_postgres() -> bool {
    Backend::current() == Backend::Postgres
}

/// A database of one test, for as long as this lives. Connections that are open then are ended.
pub struct TestDatabase {
    url: String,
    /// Its name on the server; `None` on `SQLite`.
    name: Option<String>,
    is_altered: AtomicBool,
}

#[derive(diesel::QueryableByName)]
struct Text {
    #[diesel(sql_type = diesel::sql_types::Text)]
    text: String,
}

impl TestDatabase {
    /// An empty database without tables. A file is not created yet.
    pub fn empty(file: &Path) -> Self {
        Self::taken(file, NO_TABLES)
    }

    /// A database without rows, migrated or not.
    pub fn without_rows(file: &Path) -> Self {
        Self::taken(file, NO_ROWS)
    }

    /// The existing database at this URL.
    pub fn on(url: &str) -> Self {
        Self { url: url.to_owned(), name: None, is_altered: AtomicBool::new(false) }
    }

    fn taken(file: &Path, clean: &str) -> Self {
        if !is_postgres() {
            return Self {
                url: format!("sqlite://{}", file.display()),
                name: None,
                is_altered: AtomicBool::new(false),
            };
        }
        let used = USED.lock().unwrap().pop();
        let is_used = used.is_some();
        let number = || MADE.fetch_add(1, Ordering::Relaxed);
        let name = used.unwrap_or_else(|| format!("latchkey_test_{}_{}", std::process::id(), number()));
        let mut url: url::Url = server().url.parse().expect("TEST_DATABASE_URL");
        url.set_path(&name);
        if is_used {
            run(url.as_str(), clean);
        } else {
            // template0 has no connections, so that it can always be copied.
            run(&server().url, &format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'"));
        }
        Self { url: url.into(), name: Some(name), is_altered: AtomicBool::new(false) }
    }

    /// Marks the schema as changed: the tables are dropped before the database is used again.
    pub fn is_altered(&self) {
        self.is_altered.store(true, Ordering::Relaxed);
    }

    /// The URL of the database.
    pub fn url(&self) -> DatabaseUrl {
        self.url.parse().unwrap()
    }

    /// The start of the URL with which connections are opened.
    pub fn connection_url(&self) -> &str {
        self.url.strip_prefix("sqlite://").unwrap_or(&self.url)
    }

    /// The URL for `DATABASE_URL`, unless the database is the default file.
    pub fn url_argument(&self) -> Option<&str> {
        (!self.url.starts_with("sqlite:")).then_some(self.url.as_str())
    }

    /// A connection beside those of the program. It waits for their locks.
    pub fn connect(&self) -> DbConnection {
        match self.url.strip_prefix("sqlite://") {
            Some(file) => {
                let mut conn = diesel::SqliteConnection::establish(file).unwrap();
                conn.batch_execute("PRAGMA busy_timeout = 10000").unwrap();
                DbConnection::Sqlite(conn)
            }
            None => DbConnection::Postgres(diesel::PgConnection::establish(&self.url).unwrap()),
        }
    }

    /// Ends all connections and rejects new ones, as if the server were down, or accepts them again.
    pub fn shut_out(&self, out: bool) {
        let name = self.name.as_ref().unwrap();
        run(&server().url, &format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS {}", !out));
        if out {
            self.cut_off();
        }
    }

    /// Makes this database read-only, as on a standby server, or writable again.
    pub fn take_no_writes(&self, none: bool) {
        let name = self.name.as_ref().unwrap();
        run(&server().url, &format!("ALTER DATABASE {name} SET default_transaction_read_only = {none}"));
        self.cut_off();
    }

    /// Ends all connections to this database.
    fn cut_off(&self) {
        let name = self.name.as_ref().unwrap();
        let cut = format!("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'");
        run(&server().url, &cut);
    }

    /// The tables of a `PostgreSQL` database that hold this text, as text or as bytes.
    pub fn tables_with(&self, secret: &str) -> Vec<String> {
        let mut conn = self.connect();
        let hex: Vec<String> = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        let hex = hex.concat();
        let tables = rows(
            &mut conn,
            "SELECT table_name::text AS text FROM information_schema.tables WHERE table_schema = 'public'",
        );
        assert!(tables.len() > 9, "{tables:?}");
        let holds = |table: &String| {
            rows(&mut conn, &format!("SELECT row::text AS text FROM {table} AS row"))
                .iter()
                .any(|row| row.contains(secret) || row.contains(&hex))
        };
        tables.into_iter().filter(holds).collect()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        match self.name.take() {
            None => {}
            Some(name) if server().is_given => run(&server().url, &format!("DROP DATABASE {name} WITH (FORCE)")),
            Some(name) => {
                run(&self.url, CUT_OFF);
                if *self.is_altered.get_mut() {
                    run(&self.url, NO_TABLES);
                }
                USED.lock().unwrap().push(name);
            }
        }
    }
}

/// The rows of a query whose one column is called `text`.
pub fn rows(conn: &mut DbConnection, sql: &str) -> Vec<String> {
    let rows: Vec<Text> = diesel::sql_query(sql).load(conn).unwrap_or_else(|error| panic!("{error}: {sql}"));
    rows.into_iter().map(|row| row.text).collect()
}

/// A query that makes one text of every row of this table, blobs in hexadecimal.
pub fn row_query(conn: &mut DbConnection, table: &str) -> String {
    let columns = if matches!(conn, DbConnection::Postgres(_)) {
        format!(
            "SELECT string_agg(CASE data_type \
               WHEN 'bytea' THEN format('coalesce(upper(encode(%I, ''hex'')), ''NULL'')', column_name) \
               ELSE format('quote_nullable(%I)', column_name) END, ' || '','' || ' ORDER BY ordinal_position) AS text \
             FROM information_schema.columns WHERE table_schema = 'public' AND table_name = '{table}'"
        )
    } else {
        format!(
            "SELECT group_concat('quote(' || name || ')', ' || '','' || ') AS text FROM pragma_table_info('{table}')"
        )
    };
    format!("SELECT {} AS text FROM {table} ORDER BY 1", rows(conn, &columns).concat())
}

/// How many databases were made so far.
static MADE: AtomicU32 = AtomicU32::new(0);
/// Unused databases of the private server. A database is hundreds of files, and each table some:
/// to take one again costs a tenth of making one.
static USED: Mutex<Vec<String>> = Mutex::new(Vec::new());
const CUT_OFF: &str = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
    WHERE datname = current_database() AND pid <> pg_backend_pid()";
const NO_TABLES: &str = "DROP SCHEMA public CASCADE; CREATE SCHEMA public";
/// As a replica, which checks no references: in any order. The epoch's one row is the migrations'.
const NO_ROWS: &str = "SET session_replication_role = replica; DO $$ DECLARE name text; BEGIN \
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE '\\_\\_diesel%' \
    AND tablename <> 'identity_epoch' LOOP EXECUTE format('DELETE FROM %I', name); END LOOP; END $$";
