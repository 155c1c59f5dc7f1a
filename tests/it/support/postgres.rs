//! A `PostgreSQL` server for tests and for the benchmark: a private one, made in a temporary folder from the installed
//! programs when the first of them wants a database, without the need for any right or setting, reachable by a socket in that folder
//! alone, and gone when they are, however they end. With `TEST_DATABASE_URL` it is the given one, whose user must be able to
//! make databases. Without either, whatever needs it is skipped with one line that says so; with `CI=true` it fails.
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
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use diesel::Connection as _;
use diesel::connection::SimpleConnection as _;

/// What the server keeps in memory: for a benchmark all of its database, as an operator's would; for the stories little, for
/// they empty their tables all the time, and each time the server looks through all of it.
const SHARED_BUFFERS: &str = if matches!(env!("CARGO_CRATE_NAME").as_bytes(), b"load") { "1GB" } else { "64MB" };

/// How long the server may take to be made and started, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// The server that all databases of these tests are on.
pub struct Server {
    /// Its database of that name.
    pub url: String,
    /// Is it one of somebody else's?
    pub is_given: bool,
}

/// The server, for stories of which each wants a database of it.
pub fn server() -> &'static Server {
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

/// Runs this where `url` leads.
pub fn run(url: &str, sql: &str) {
    let done = diesel::PgConnection::establish(url)
        .map_err(|error| error.to_string())
        .and_then(|mut conn| conn.batch_execute(sql).map_err(|error| error.to_string()));
    // A story that failed already must not abort the others.
    assert!(done.is_ok() || std::thread::panicking(), "{sql}: {done:?}");
}
