//! The databases of the tests: a `SQLite` file, or a database of one `PostgreSQL` server (`postgres.rs`), as the harness
//! chose for the current test.

use std::cell::Cell;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use diesel::{Connection as _, RunQueryDsl as _};
use latchkey::kernel::db::{Conn, DatabaseUrl};

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
    /// An empty one that nobody has migrated. A file is not made yet.
    pub fn empty(file: &Path) -> Self {
        Self::taken(file, NO_TABLES)
    }

    /// One without a row. It may be migrated or not: whoever opens it does what is missing.
    pub fn without_rows(file: &Path) -> Self {
        Self::taken(file, NO_ROWS)
    }

    /// The one that is there, on a server of the story's own.
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
            // Nobody is ever connected to template0, so that it can always be copied.
            run(&server().url, &format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'"));
        }
        Self { url: url.into(), name: Some(name), is_altered: AtomicBool::new(false) }
    }

    /// Says that the tables are no longer as the program made them.
    pub fn is_altered(&self) {
        self.is_altered.store(true, Ordering::Relaxed);
    }

    /// Where it is.
    pub fn url(&self) -> DatabaseUrl {
        self.url.parse().unwrap()
    }

    /// What the program must be told to use it, unless it finds it by itself.
    pub fn to_tell(&self) -> Option<&str> {
        (!self.url.starts_with("sqlite:")).then_some(self.url.as_str())
    }

    /// A connection past the program.
    pub fn connect(&self) -> Conn {
        match self.url.strip_prefix("sqlite://") {
            Some(file) => Conn::Sqlite(diesel::SqliteConnection::establish(file).unwrap()),
            None => Conn::Postgres(diesel::PgConnection::establish(&self.url).unwrap()),
        }
    }

    /// Cuts everybody off this database of a server's and lets nobody in, as if the server were down; or lets them in
    /// again.
    pub fn shut_out(&self, out: bool) {
        let name = self.name.as_ref().unwrap();
        run(&server().url, &format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS {}", !out));
        if out {
            self.cut_off();
        }
    }

    /// Lets nobody write to this database of a server's, as if it had just become another's copy; or lets them again.
    pub fn take_no_writes(&self, none: bool) {
        let name = self.name.as_ref().unwrap();
        run(&server().url, &format!("ALTER DATABASE {name} SET default_transaction_read_only = {none}"));
        self.cut_off();
    }

    /// Cuts everybody off this database of a server's.
    fn cut_off(&self) {
        let name = self.name.as_ref().unwrap();
        let cut = format!("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'");
        run(&server().url, &cut);
    }

    /// Whether each table holds this anywhere, as text or as bytes: the names of those that do. Only asked of a server:
    /// a file can be read as it is.
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

/// What a query says, row by row; its one column is called `text`.
pub fn rows(conn: &mut Conn, sql: &str) -> Vec<String> {
    let rows: Vec<Text> = diesel::sql_query(sql).load(conn).unwrap_or_else(|error| panic!("{error}: {sql}"));
    rows.into_iter().map(|row| row.text).collect()
}

/// A query that makes one text of every row of this table, blobs in hexadecimal.
pub fn row_query(conn: &mut Conn, table: &str) -> String {
    let columns = if matches!(conn, Conn::Postgres(_)) {
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
/// Databases of the private server that nobody needs any more. A database is hundreds of files, and each table some:
/// to take one again costs a tenth of making one.
static USED: Mutex<Vec<String>> = Mutex::new(Vec::new());
const CUT_OFF: &str = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
    WHERE datname = current_database() AND pid <> pg_backend_pid()";
const NO_TABLES: &str = "DROP SCHEMA public CASCADE; CREATE SCHEMA public";
/// As a replica, which checks no references: in any order. The epoch's one row is the migrations'.
const NO_ROWS: &str = "SET session_replication_role = replica; DO $$ DECLARE name text; BEGIN \
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE '\\_\\_diesel%' \
    AND tablename <> 'identity_epoch' LOOP EXECUTE format('DELETE FROM %I', name); END LOOP; END $$";
