//! `PostgreSQL` servers for tests and for the benchmark.
//!
//! A private server is started from the installed programs in a temporary folder on first use. It is reachable through a
//! socket in that folder only, and ends with the process that started it, also when that process is killed. With
//! `TEST_DATABASE_URL` the given server is used; its user must be able to create databases.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "these threads wait for another process")]

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, RunQueryDsl as _};

/// How long the server may take to be made and started, on a busy machine.
const TIMEOUT: Duration = Duration::from_mins(1);

/// The server that all databases of these tests are on.
pub struct Server {
    /// Its database of that name.
    pub url: String,
    /// Whether it is the one at `TEST_DATABASE_URL`.
    pub is_given: bool,
}

/// The memory of the tests' server. Small, because tests empty their tables often, which scans all of it.
const SHARED_BUFFERS: &str = "64MB";

static SERVER: OnceLock<Server> = OnceLock::new();

/// What each connection to the tests' server does.
pub fn activity() -> String {
    const ACTIVITY: &str = "SELECT concat_ws(' ', pid, datname, state, wait_event_type, wait_event, now() - xact_start, \
        pg_blocking_pids(pid)::text, left(query, 100)) AS text FROM pg_stat_activity WHERE backend_type = 'client backend'";
    let Some(server) = SERVER.get() else { return String::new() };
    let rows = diesel::PgConnection::establish(&server.url)
        .map_err(|error| error.to_string())
        .and_then(|mut conn| diesel::sql_query(ACTIVITY).load(&mut conn).map_err(|error| error.to_string()));
    rows.map_or_else(|error| error, |rows: Vec<Activity>| rows.into_iter().map(|row| row.text + "\n").collect())
}

#[derive(diesel::QueryableByName)]
struct Activity {
    #[diesel(sql_type = diesel::sql_types::Text)]
    text: String,
}

/// The server of the tests.
pub fn server() -> &'static Server {
    SERVER.get_or_init(|| Server::given_or_started(SHARED_BUFFERS).expect("a test that needs PostgreSQL says so"))
}

impl Server {
    /// The server at `TEST_DATABASE_URL`, or a new private one; `None` without `PostgreSQL`'s programs.
    pub fn given_or_started(shared_buffers: &str) -> Option<Self> {
        if let Ok(url) = std::env::var("TEST_DATABASE_URL") {
            return Some(Self { url, is_given: true });
        }
        programs().map(|programs| Self { url: start(&programs, shared_buffers), is_given: false })
    }
}

/// The processes that keep the private servers: each ends its server when its standard input ends.
static KEEPERS: Mutex<Vec<Child>> = Mutex::new(Vec::new());

/// Ends the private servers and waits until their folders are removed.
pub fn shut_down() {
    let mut keepers = KEEPERS.lock().unwrap_or_else(PoisonError::into_inner);
    for keeper in keepers.iter_mut() {
        drop(keeper.stdin.take());
    }
    for mut keeper in keepers.drain(..) {
        let _ = keeper.wait();
    }
}

/// The folder with the programs of the newest `PostgreSQL` there is. Debian keeps those of a server off the path.
pub fn programs() -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.filter_map(|entry| Some(entry.ok()?.path().join("bin"))).collect())
        .unwrap_or_default();
    let version = |folder: &PathBuf| folder.parent()?.file_name()?.to_str()?.parse::<u32>().ok();
    folders.sort_by_key(|folder| std::cmp::Reverse(version(folder)));
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    folders.into_iter().find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}

/// Makes the server, runs it, and ends it and removes its folder as soon as no process holds the other end of the standard
/// input, which is when the process of the tests has ended: by itself, by a signal, or killed. What is thrown away
/// need not survive a power cut, so nothing waits for the disk.
const RUN: &str = r#"
set -e
cd "$1"
"$0/initdb" --pgdata=data --auth=trust --username=postgres --encoding=UTF8 --locale=C --no-sync >log 2>&1
"$0/postgres" -D data -k "$1" -c listen_addresses= -c max_connections=500 -c "shared_buffers=$2" \
  -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c autovacuum=off -c jit=off >>log 2>&1 </dev/null &
cat >/dev/null || true
kill -QUIT $! || true
wait $! || true
cd /
rm -rf "$1"
"#;

/// A server of one test, which can be killed and started again.
pub struct OwnServer {
    programs: PathBuf,
    url: String,
}

impl OwnServer {
    /// Creates and starts a server.
    pub fn start() -> Self {
        let programs = programs().expect("a test with a server of its own needs(postgres_programs)");
        let url = start(&programs, SHARED_BUFFERS);
        // The tests' server does not wait for its disk; one that is to be killed must, as a real one does.
        run(&url, "ALTER ROLE postgres SET synchronous_commit = on");
        Self { programs, url }
    }

    /// The URL of its default database.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Switches the server's messages to German, and panics if this server has none.
    pub fn speak_german(&self) {
        let folder = self.folder();
        let mut localedef = Command::new("localedef");
        localedef.args(["--no-archive", "-i", "de_DE", "-f", "UTF-8"]).arg(folder.join("de_DE.UTF-8"));
        assert!(localedef.output().unwrap().status.success(), "a server with German messages needs(german_locale)");
        // The server reads LOCPATH when it starts.
        self.kill();
        self.start_again();
        run(&self.url, "ALTER SYSTEM SET lc_messages = 'de_DE.UTF-8'");
        run(&self.url, "SELECT pg_reload_conf()");
        let mut message = String::new();
        for _ in 0..100 {
            let mut conn = diesel::PgConnection::establish(&self.url).unwrap();
            message = conn.batch_execute("SELECT nothing").unwrap_err().to_string();
            if message.contains("existiert nicht") {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("the server's messages are not German: {message}");
    }

    /// The folder with its data and its socket.
    pub fn folder(&self) -> PathBuf {
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
        let mut command = unprivileged(&folder, Path::new("sh"));
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

/// A command that runs `program` as a user other than root, to whom `folder` then belongs: PostgreSQL and `PgBouncer` refuse
/// to run as root.
pub fn unprivileged(folder: &Path, program: &Path) -> Command {
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).unwrap();
    let mut command = Command::new(program);
    if is_root() {
        let given = Command::new("chown").args(["-R", "postgres:"]).arg(folder).status().unwrap();
        assert!(given.success(), "there is no user postgres to run {} as", program.display());
        let owner = std::fs::metadata(folder).unwrap();
        command.uid(owner.uid()).gid(owner.gid());
    }
    command
}

fn start(programs: &Path, shared_buffers: &str) -> String {
    let folder = tempfile::Builder::new().prefix("latchkey-pg-").tempdir().unwrap();
    let mut command = unprivileged(folder.path(), Path::new("sh"));
    command.args(["-c", RUN]).arg(programs).arg(folder.path()).arg(shared_buffers);
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
        if ended.is_some() || begun.elapsed() > TIMEOUT {
            let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            panic!("PostgreSQL does not start ({error}): {log}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    // The keeper removes the folder.
    let _ = folder.keep();
    KEEPERS.lock().unwrap_or_else(PoisonError::into_inner).push(process);
    url
}

/// Runs this where `url` leads.
pub fn run(url: &str, sql: &str) {
    let done = diesel::PgConnection::establish(url)
        .map_err(|error| error.to_string())
        .and_then(|mut conn| conn.batch_execute(sql).map_err(|error| error.to_string()));
    // A second panic would abort the process.
    assert!(done.is_ok() || std::thread::panicking(), "{sql}: {done:?}");
}
