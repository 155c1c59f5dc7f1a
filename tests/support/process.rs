//! The real program as a process, with its output and signals.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::PASSWORD;
use super::database::TestDatabase;
use super::postgres::OwnServer;

/// The longest wait for a line of output, on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What a command did.
#[derive(Debug)]
pub struct Ran {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

/// A data folder and a database that belong to one test, and the commands that are run on them.
pub struct Home {
    pub folder: tempfile::TempDir,
    pub database: TestDatabase,
}

impl Home {
    /// An empty one.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = TestDatabase::empty(&folder.path().join("data/latchkey.db"));
        Self { folder, database }
    }

    /// A home whose database is on a server of the test.
    pub fn on(server: &OwnServer) -> Self {
        Self::at(server.url())
    }

    /// A home whose database is at this URL.
    pub fn at(url: &str) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), database: TestDatabase::on(url) }
    }

    /// Makes the workspace `acme` with these people in this role, by commands: `alice@example.org` is called alice.
    pub fn add_acme(&self, people: &[impl AsRef<str>], role: &str) {
        self.done(&["workspace", "add", "--slug", "acme", "--name", "Acme", "--kind", "production"]);
        for email in people {
            let (email, name) = (email.as_ref(), email.as_ref().split('@').next().unwrap());
            self.done_with(&["user", "add", "--email", email, "--name", name, "--password-stdin"], PASSWORD);
            self.done(&["member", "add", "--workspace", "acme", "--email", email, "--role", role]);
        }
    }

    /// Where the data are: a folder that the program makes.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The database's file, on `SQLite`.
    pub fn file(&self) -> PathBuf {
        self.data().join("latchkey.db")
    }

    /// The program with nothing in its environment that a test did not put there.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_latchkey"));
        command.env_clear().env("TMPDIR", self.folder.path()).current_dir(self.folder.path());
        command.envs(self.database.url_argument().map(|url| ("DATABASE_URL", url)));
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, "")
    }

    /// Runs a command that reads `stdin`.
    pub fn run_with(&self, args: &[&str], stdin: &str) -> Ran {
        run(self.command().arg("--data-dir").arg(self.data()).args(args), stdin)
    }

    /// Runs a command with these environment variables.
    pub fn run_in(&self, environment: &[(&str, &str)], args: &[&str]) -> Ran {
        let mut command = self.command();
        run(command.envs(environment.iter().copied()).arg("--data-dir").arg(self.data()).args(args), "")
    }

    /// Runs a command that must do what it says, and returns what it printed.
    pub fn done(&self, args: &[&str]) -> String {
        self.done_with(args, "")
    }

    /// [`Home::done`] for a command that reads `stdin`.
    pub fn done_with(&self, args: &[&str], stdin: &str) -> String {
        let ran = self.run_with(args, stdin);
        assert_eq!(ran.status, 0, "{args:?}: {ran:?}");
        ran.stdout
    }

    /// Runs a command that must fail with this exit code and one line that says why, and returns that line.
    pub fn fails(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!((ran.status, ran.stdout.as_str()), (1, ""), "{args:?}: {ran:?}");
        assert_eq!(ran.stderr.lines().count(), 1, "{args:?}: {ran:?}");
        ran.stderr.trim_end().to_owned()
    }

    /// Starts a server that must refuse to start, and returns the one line that says why. A server that starts is killed, and
    /// the test fails.
    pub fn fails_to_serve(&self) -> String {
        let mut command = self.command();
        command.args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(self.data());
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut server = KillOnDrop(child.expect("the program"));
        let mut status = None;
        super::wait::wait_until("a server refused to start", || {
            status = server.0.try_wait().unwrap();
            status.is_some()
        });
        let [mut stdout, mut stderr] = [String::new(), String::new()];
        server.0.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        server.0.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!((status.unwrap().code(), stdout.as_str()), (Some(1), ""), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        stderr.trim_end().to_owned()
    }

    /// Starts the server on a free port.
    pub fn serve(&self) -> Latchkey {
        self.serve_with(&[], "info")
    }

    /// Starts the server with further settings and a level of its log; an empty one is the default.
    pub fn serve_with(&self, args: &[&str], log: &str) -> Latchkey {
        let mut command = self.command();
        command.args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(self.data()).args(args).env_remove("LATCHKEY_LOG");
        if !log.is_empty() {
            command.env("LATCHKEY_LOG", log);
        }
        Latchkey::start(command)
    }

    /// Starts a copy of the program from a folder of its own, from where nothing of the repository and of what was built
    /// can be seen.
    pub fn serve_without_repository(&self) -> Latchkey {
        let copy = self.folder.path().join("bin/latchkey");
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        std::fs::copy(env!("CARGO_BIN_EXE_latchkey"), &copy).unwrap();
        let script = "mount -t tmpfs none \"$0\" && test ! -e \"$0/Cargo.toml\" && exec \"$@\"";
        let mut command = Command::new("/usr/bin/unshare");
        command.args(["--mount", "/bin/sh", "-c", script, env!("CARGO_MANIFEST_DIR")]).arg(copy);
        command.args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(self.data());
        command.env_clear().env("TMPDIR", self.folder.path()).current_dir(self.folder.path());
        command.envs(self.database.url_argument().map(|url| ("DATABASE_URL", url)));
        Latchkey::start(command)
    }

    /// Starts `latchkey demo` on a free port; its temporary files go below this home.
    pub fn demo(&self) -> Latchkey {
        let mut command = self.command();
        command.args(["demo", "--listen", "127.0.0.1:0"]);
        Latchkey::start(command)
    }
}

fn run(command: &mut Command, stdin: &str) -> Ran {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program");
    // A command that does not read its input may be gone before it is written.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    Ran {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A process that does not outlive the test.
struct KillOnDrop(Child);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A running server. Killed when dropped.
pub struct Latchkey {
    pub address: SocketAddr,
    child: Child,
    said: Arc<Said>,
    listeners: Vec<JoinHandle<()>>,
}

/// What a process has said so far, on both of its outputs.
#[derive(Default)]
struct Said {
    text: Mutex<String>,
    more: Condvar,
}

impl Said {
    fn listen(self: &Arc<Self>, output: impl Read + Send + 'static) -> JoinHandle<()> {
        let said = Arc::clone(self);
        std::thread::spawn(move || {
            let mut lines = BufReader::new(output);
            let mut line = Vec::new();
            while let Ok(1..) = lines.read_until(b'\n', &mut line) {
                said.text.lock().unwrap().push_str(&String::from_utf8_lossy(&line));
                said.more.notify_all();
                line.clear();
            }
        })
    }
}

impl Latchkey {
    fn start(mut command: Command) -> Self {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program");
        let said = Arc::new(Said::default());
        let listeners = vec![said.listen(child.stdout.take().unwrap()), said.listen(child.stderr.take().unwrap())];
        let mut server = Self { address: "127.0.0.1:0".parse().unwrap(), child, said, listeners };
        let line = server.line("Latchkey listens on http://");
        let address = line.split("http://").nth(1).unwrap().split(' ').next().unwrap();
        server.address = address.parse().unwrap();
        server
    }

    /// Its output so far.
    pub fn said(&self) -> String {
        self.said.text.lock().unwrap().clone()
    }

    /// The first line with `part` in it, waited for.
    pub fn line(&self, part: &str) -> String {
        let find = |text: &str| {
            // The last line may be half there.
            let whole = text.rfind('\n').map_or("", |end| &text[..end]);
            whole.lines().find(|line| line.contains(part)).map(str::to_owned)
        };
        let text = self.said.text.lock().unwrap();
        let (text, _) = self.said.more.wait_timeout_while(text, TIMEOUT, |text| find(text).is_none()).unwrap();
        find(&text).unwrap_or_else(|| panic!("it never said {part:?} but: {text}"))
    }

    /// The link that sets it up, which it prints while there is no user.
    pub fn setup_url(&self) -> String {
        self.line("/setup?code=").trim().to_owned()
    }

    /// An absolute URL of this server.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it between two instructions, as a power cut would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends SIGTERM, waits for the end, and returns the exit code and the output.
    pub fn terminate(mut self) -> (i32, String) {
        let told = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status().unwrap();
        assert!(told.success());
        let mut status = None;
        super::wait::wait_until("the server has stopped", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        let status = status.unwrap();
        for listener in std::mem::take(&mut self.listeners) {
            listener.join().unwrap();
        }
        (status.code().unwrap_or(-1), self.said())
    }
}

impl Drop for Latchkey {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
