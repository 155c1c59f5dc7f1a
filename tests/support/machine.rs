//! A machine for the steps of `docs/operations.md`: namespaces in which `/etc`, `/usr/local`, `/var/lib/latchkey` and
//! other folders belong to the test.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A document or a file of the repository.
pub fn repository_file(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The first block of commands in a document after this text.
pub fn commands_after(document: &str, text: &str) -> String {
    let text = repository_file(document).split_once(text).unwrap_or_else(|| panic!("no {text:?}")).1.to_owned();
    text.split("```sh\n").nth(1).unwrap().split("```").next().unwrap().to_owned()
}

/// A machine on which Latchkey is installed as `docs/operations.md` says, without systemd. Its files stay until it is
/// dropped; each script runs in namespaces of its own.
pub struct Machine {
    folder: tempfile::TempDir,
}

/// The folders that the machine does not share with this one.
const FOLDERS: [&str; 7] = ["/etc", "/usr/local", "/var/lib", "/var/backups", "/var/spool", "/run", "/root"];

impl Machine {
    pub fn new() -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        // Not below a folder that only root can enter: the server's user runs the program.
        let folder = tempfile::Builder::new().prefix("latchkey-machine-").tempdir_in("/var/tmp").unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let machine = Self { folder };
        let folders = ["/usr/local/bin", "/usr/local/sbin", "/var/spool/cron/crontabs", "/var/lib/files"];
        for path in FOLDERS[1..].iter().chain(&folders) {
            std::fs::create_dir_all(machine.path(path)).unwrap();
        }
        assert!(Command::new("cp").args(["-a", "/etc"]).arg(machine.path("/etc")).status().unwrap().success());
        let files = machine.path("/var/lib/files");
        std::fs::copy(env!("CARGO_BIN_EXE_latchkey"), files.join("latchkey")).unwrap();
        for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                std::fs::copy(&path, files.join(path.file_name().unwrap())).unwrap();
            }
        }
        // There is no systemd on this machine, and no user of this name on the other.
        let install = commands_after("docs/operations.md", "\n## Install\n");
        let lines = install.lines().filter(|line| !line.contains("systemctl") && !line.contains("journalctl"));
        let script = ["! grep -q ^latchkey: /etc/passwd", "cd /var/lib/files"].into_iter().chain(lines);
        machine.run(&script.collect::<Vec<_>>().join("\n"));
        machine
    }

    /// Where a file of the machine is outside of it.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path.trim_start_matches('/'))
    }

    /// The script in its namespaces, with the environment of a login by root.
    fn command(&self, script: &str) -> Command {
        let mounts = FOLDERS.map(|path| format!("mount --bind {} {path}", self.path(path).display()));
        let mut command = Command::new("/usr/bin/unshare");
        command.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "/bin/sh", "-c"]);
        command.arg(format!("set -eu\n{}\ncd /root\n{script}", mounts.join("\n")));
        command.env_clear().envs([
            ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            ("HOME", "/root"),
            ("LOGNAME", "root"),
        ]);
        command.stdin(Stdio::null());
        command
    }

    /// Runs a script as root. It must succeed; returns its output.
    pub fn run(&self, script: &str) -> String {
        let ran = self.command(script).output().unwrap();
        let said = [&ran.stdout[..], &ran.stderr].map(|said| String::from_utf8_lossy(said).into_owned()).concat();
        assert!(ran.status.success(), "{script}: {said}");
        said
    }

    /// Whether a script succeeds.
    pub fn succeeds(&self, script: &str) -> bool {
        self.command(script).output().unwrap().status.success()
    }

    /// Starts a script that runs until the result is dropped.
    pub fn start(&self, script: &str) -> Running {
        Running(self.command(script).stdout(Stdio::null()).spawn().unwrap())
    }
}

/// A script that is killed, with all processes that it started, when dropped.
pub struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
