//! The databases that stories run on. The same stories are compiled twice: as `it`, which keeps its data in `SQLite`
//! files, and as `it_postgres`, which keeps them in databases of one `PostgreSQL` server.
//!
//! That server is a private one: made in a temporary folder from the installed programs when the first story wants a
//! database, without the need for any right or setting, reachable by a socket in that folder alone, and gone when the
//! tests are, however they end. With `TEST_DATABASE_URL` it is the given one, whose user must be able to make databases.
//! Without either, the stories are skipped with one line that says so; with `CI=true` they fail.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "what waits here is a thread of the tests', for a process that knows no clock of ours"
)]

use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, RunQueryDsl as _};
use latchkey::kernel::db::{Conn, DatabaseUrl};

/// Do these stories run on `PostgreSQL`?
pub const IS_POSTGRES: bool = matches!(env!("CARGO_CRATE_NAME").as_bytes(), b"it_postgres");

/// What the server keeps in memory: for a benchmark all of its database, as an operator's would; for the stories little, for
/// they empty their tables all the time, and each time the server looks through all of it.
const SHARED_BUFFERS: &str = if matches!(env!("CARGO_CRATE_NAME").as_bytes(), b"load") { "1GB" } else { "64MB" };

/// How long the server may take to be made and started, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// A database of one story's own, for as long as this lives. What is still connected then is cut off.
pub struct TestDatabase {
    url: String,
    /// Its name on the server; nothing on `SQLite`.
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

    fn taken(file: &Path, clean: &str) -> Self {
        if !IS_POSTGRES {
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
        self.name.as_ref().map(|_| self.url.as_str())
    }

    /// A connection past the program.
    pub fn connect(&self) -> Conn {
        if IS_POSTGRES {
            Conn::Postgres(diesel::PgConnection::establish(&self.url).unwrap())
        } else {
            let file = self.url.strip_prefix("sqlite://").unwrap();
            Conn::Sqlite(diesel::SqliteConnection::establish(file).unwrap())
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
    let columns = if IS_POSTGRES {
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
/// As a replica, which checks no references: in any order.
const NO_ROWS: &str = "SET session_replication_role = replica; DO $$ DECLARE name text; BEGIN \
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE '\\_\\_diesel%' \
    LOOP EXECUTE format('DELETE FROM %I', name); END LOOP; END $$";

fn run(url: &str, sql: &str) {
    let done = diesel::PgConnection::establish(url)
        .map_err(|error| error.to_string())
        .and_then(|mut conn| conn.batch_execute(sql).map_err(|error| error.to_string()));
    // A story that failed already must not abort the others.
    assert!(done.is_ok() || std::thread::panicking(), "{sql}: {done:?}");
}

/// The server that all databases of these tests are on.
struct Server {
    url: String,
    is_given: bool,
}

fn server() -> &'static Server {
    // Every story here wants a database, and waits for this one: nothing is under way that this would cut off.
    server_if_any().unwrap_or_else(|| std::process::exit(0))
}

/// The server, or one line that says how to get one.
fn server_if_any() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let find = || {
        if let Ok(url) = std::env::var("TEST_DATABASE_URL") {
            return Some(Server { url, is_given: true });
        }
        let Some(programs) = programs() else {
            skip("skipped: the tests on PostgreSQL need it, or TEST_DATABASE_URL: apt-get install postgresql");
            return None;
        };
        Some(Server { url: start(&programs), is_given: false })
    };
    SERVER.get_or_init(find).as_ref()
}

/// Says what is skipped, and how to get what it needs; fails where nothing may be skipped.
pub fn skip(line: &str) {
    let must_run = std::env::var_os("CI").is_some_and(|ci| ci == "true");
    assert!(!must_run, "{line}");
    // Not `eprintln!`: what that says is hidden while tests pass.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The address of a `PostgreSQL` server for a story that needs one beside `SQLite`, if there is one.
pub fn server_url() -> Option<&'static str> {
    server_if_any().map(|server| server.url.as_str())
}

/// The folder with the programs of the newest `PostgreSQL` there is. Debian keeps those of a server off the path.
fn programs() -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.filter_map(|entry| Some(entry.ok()?.path().join("bin"))).collect())
        .unwrap_or_default();
    let version = |folder: &PathBuf| folder.parent()?.file_name()?.to_str()?.parse::<u32>().ok();
    folders.sort_by_key(|folder| std::cmp::Reverse(version(folder)));
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    folders.into_iter().find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}

/// Makes the server, runs it, and ends it and removes its folder as soon as nobody holds the other end of the standard
/// input, which is when the process of the tests has ended: by itself, by a signal, or killed. What is thrown away
/// need not survive a power cut, so nothing waits for the disk.
const RUN: &str = r#"
set -e
cd "$1"
"$0/initdb" --pgdata=data --auth=trust --username=postgres --encoding=UTF8 --locale=C --no-sync >log 2>&1
"$0/postgres" -D data -k "$1" -c listen_addresses= -c max_connections=500 -c "shared_buffers=$2" \
  -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c autovacuum=off -c jit=off >>log 2>&1 </dev/null &
cat >/dev/null || true
kill -QUIT $!
wait $! || true
cd /
rm -rf "$1"
"#;

/// A server of one story's own, which can be killed and started again. `None` as in [`server_url`].
pub struct OwnServer {
    programs: PathBuf,
    url: String,
}

impl OwnServer {
    /// Makes and starts one.
    pub fn start() -> Option<Self> {
        // A given server is not ours to kill.
        let Some(programs) = programs() else {
            skip("skipped: killing PostgreSQL needs its programs here: apt-get install postgresql");
            return None;
        };
        let url = start(&programs);
        // The tests' server does not wait for its disk; one that is to be killed must, as a real one does.
        run(&url, "ALTER ROLE postgres SET synchronous_commit = on");
        Some(Self { programs, url })
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Lets it speak German from now on. `false` where that can't be had.
    pub fn speak_german(&self) -> bool {
        let folder = self.folder();
        let mut made = Command::new("localedef");
        made.args(["--no-archive", "-i", "de_DE", "-f", "UTF-8"]).arg(folder.join("de_DE.UTF-8"));
        if !made.output().is_ok_and(|ran| ran.status.success()) {
            skip("skipped: a server that speaks German needs a locale: apt-get install locales");
            return false;
        }
        // It looks for locales where it is told to when it starts.
        self.kill();
        self.start_again();
        run(&self.url, "ALTER SYSTEM SET lc_messages = 'de_DE.UTF-8'");
        run(&self.url, "SELECT pg_reload_conf()");
        let mut said = String::new();
        for _ in 0..100 {
            let mut conn = diesel::PgConnection::establish(&self.url).unwrap();
            said = conn.batch_execute("SELECT nothing").unwrap_err().to_string();
            if said.contains("existiert nicht") {
                return true;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        skip(&format!("skipped: this PostgreSQL has no German: {said}"));
        false
    }

    fn folder(&self) -> PathBuf {
        let socket = self.url.split("host=").nth(1).unwrap().split('&').next().unwrap();
        PathBuf::from(percent_encoding::percent_decode_str(socket).decode_utf8().unwrap().into_owned())
    }

    /// kill -9 of the server's main process, after which its others end by themselves.
    pub fn kill(&self) {
        let file = std::fs::read_to_string(self.folder().join("data/postmaster.pid")).unwrap();
        let pid = file.lines().next().unwrap();
        assert!(Command::new("kill").args(["-KILL", pid]).status().unwrap().success());
    }

    /// Starts it again on what is on its disk; its keeper has removed nothing yet, for it waits for the tests' end.
    pub fn start_again(&self) {
        let folder = self.folder();
        let as_postgres = std::fs::metadata(&folder).unwrap().uid() != 0 && is_root();
        let mut command = if as_postgres { Command::new("runuser") } else { Command::new("sh") };
        if as_postgres {
            command.args(["-u", "postgres", "--", "sh"]);
        }
        command.args(["-c", AGAIN]).arg(&self.programs).arg(&folder).env("LOCPATH", &folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        assert!(command.status().unwrap().success(), "PostgreSQL does not start again");
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.kill()));
        let _ = std::fs::remove_dir_all(self.folder());
    }
}

/// The server's other processes may still hold what it needs for a moment.
const AGAIN: &str = r#"
cd "$1"
for attempt in 1 2 3 4 5 6 7 8 9 10; do
  "$0/pg_ctl" -D data -w -l log -o "-k $1 -c listen_addresses= -c max_connections=500 -c fsync=off" start && exit 0
  sleep 0.5
done
exit 1
"#;

fn start(programs: &Path) -> String {
    let folder = tempfile::Builder::new().prefix("latchkey-pg-").tempdir().unwrap();
    let is_root = std::fs::metadata(folder.path()).unwrap().uid() == 0;
    // PostgreSQL refuses to run as root.
    let mut command = if is_root { Command::new("runuser") } else { Command::new("sh") };
    if is_root {
        let given = Command::new("chown").arg("postgres").arg(folder.path()).status().unwrap();
        assert!(given.success(), "there is no user postgres to run it as");
        command.args(["-u", "postgres", "--", "sh"]);
    }
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    command.args(["-c", RUN]).arg(programs).arg(folder.path()).arg(SHARED_BUFFERS);
    // In a process group of its own: Ctrl-C is for the tests, whose end it then sees.
    let mut process: Child = command
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let socket =
        percent_encoding::utf8_percent_encode(folder.path().to_str().unwrap(), percent_encoding::NON_ALPHANUMERIC);
    let url = format!("postgres:///postgres?host={socket}&user=postgres");
    let begun = Instant::now();
    while let Err(error) = diesel::PgConnection::establish(&url) {
        let ended = process.try_wait().unwrap();
        if ended.is_some() || begun.elapsed() > PATIENCE {
            let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            panic!("PostgreSQL does not start ({error}): {log}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    // From here on it is removed by the server's keeper. The input stays open for as long as this process lives.
    let _ = folder.keep();
    std::mem::forget(process);
    url
}
