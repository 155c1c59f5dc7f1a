//! The server processes of the benchmark, and their CPU time and memory.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::seed::Database;

/// A server process. It is killed when the last handle is dropped.
#[derive(Clone)]
pub struct Process {
    pub address: SocketAddr,
    child: Arc<Running>,
}

struct Running(Mutex<Child>);

impl Drop for Running {
    fn drop(&mut self) {
        let mut child = self.0.lock().unwrap();
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Process {
    /// Starts Latchkey on this database.
    pub fn latchkey(database: &Database) -> Self {
        Self::latchkey_build(Path::new(env!("CARGO_BIN_EXE_latchkey")), database)
    }

    /// Starts another build of Latchkey on this database.
    pub fn latchkey_build(binary: &Path, database: &Database) -> Self {
        let mut command = Command::new(binary);
        command.env_clear().env("LATCHKEY_LOG", "warn").env("DATABASE_URL", &database.url);
        command.args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(&database.folder);
        Self::start(command)
    }

    /// Starts the limit with the responses in this file.
    pub fn limit(responses: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("--be-limit").arg(responses);
        Self::start(command)
    }

    fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).and_then(|rest| rest.split_whitespace().next());
        let address =
            address.and_then(|address| address.parse().ok()).unwrap_or_else(|| panic!("no address in {line:?}"));
        Self { address, child: Arc::new(Running(Mutex::new(child))) }
    }

    fn id(&self) -> u32 {
        self.child.0.lock().unwrap().id()
    }

    /// CPU time in user and kernel mode (proc(5), `stat`).
    pub fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 10)
    }

    /// Waits until the server has flushed its buffers and uses no CPU time.
    pub fn settle(&self) {
        std::thread::sleep(latchkey::usage::FLUSH_INTERVAL);
        loop {
            let cpu = self.cpu();
            std::thread::sleep(Duration::from_millis(300));
            if self.cpu() == cpu {
                return;
            }
        }
    }

    /// Proportional set size without file-backed pages, in MB (proc(5), `smaps_rollup`).
    pub fn own_memory(&self) -> f64 {
        let rollup = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", self.id())).unwrap();
        let kilobytes = |name: &str| {
            let line = rollup.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap()
        };
        (kilobytes("Pss_Anon:") + kilobytes("Pss_Shmem:")) / 1000.0
    }
}
