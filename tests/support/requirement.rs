//! Programs and rights that some tests need beside the Rust toolchain.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::postgres;

/// Something that a test needs and that may be missing on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Requirement {
    /// A `PostgreSQL` server: the one at `TEST_DATABASE_URL`, or the programs to start one.
    Postgres,
    /// The programs of `PostgreSQL`, for a test that stops and starts a server of its own.
    PostgresPrograms,
    Nginx,
    Caddy,
    Haproxy,
    Pgbouncer,
    Fail2ban,
    Cron,
    Strace,
    Python,
    /// The Python packages in `tests/clients/requirements.txt`.
    PythonClients,
    /// The right to mount file systems.
    Mount,
    /// `localedef` and the sources of the German locale.
    GermanLocale,
    /// Chromium and its driver.
    Chromium,
    /// The script at [`axe_core_file`].
    AxeCore,
    Curl,
}

impl Requirement {
    const ALL: [Self; 16] = [
        Self::Postgres,
        Self::PostgresPrograms,
        Self::Nginx,
        Self::Caddy,
        Self::Haproxy,
        Self::Pgbouncer,
        Self::Fail2ban,
        Self::Cron,
        Self::Strace,
        Self::Python,
        Self::PythonClients,
        Self::Mount,
        Self::GermanLocale,
        Self::Chromium,
        Self::AxeCore,
        Self::Curl,
    ];

    /// What is missing and how to get it; `None` if it is there.
    pub fn missing(self) -> Option<&'static str> {
        static FOUND: [OnceLock<bool>; Requirement::ALL.len()] = [const { OnceLock::new() }; Requirement::ALL.len()];
        let is_there = *FOUND[self as usize].get_or_init(|| self.is_there());
        (!is_there).then(|| self.how_to_get())
    }

    fn is_there(self) -> bool {
        match self {
            Self::Postgres => std::env::var_os("TEST_DATABASE_URL").is_some() || postgres::programs().is_some(),
            Self::PostgresPrograms => postgres::programs().is_some(),
            Self::Nginx => program("nginx").is_some(),
            Self::Caddy => program("caddy").is_some(),
            Self::Haproxy => program("haproxy").is_some(),
            Self::Pgbouncer => program("pgbouncer").is_some(),
            Self::Fail2ban => program("fail2ban-regex").is_some(),
            Self::Cron => program("cron").is_some(),
            // Where a process may not trace another it fails.
            Self::Strace => succeeds(Command::new("strace").args(["-o", "/dev/null", "true"])),
            Self::Python => program("python3").is_some(),
            Self::PythonClients => python_client("python").exists() && python_client("schemathesis").exists(),
            Self::Mount => {
                let script = "mount -t tmpfs none /mnt";
                succeeds(Command::new("unshare").args(["--mount", "/bin/sh", "-c", script]))
            }
            Self::GermanLocale => {
                program("localedef").is_some() && Path::new("/usr/share/i18n/locales/de_DE").is_file()
            }
            Self::Chromium => program("chromium").is_some() && program("chromedriver").is_some(),
            Self::AxeCore => axe_core_file().is_file(),
            Self::Curl => program("curl").is_some(),
        }
    }

    fn how_to_get(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL: apt-get install postgresql, or set TEST_DATABASE_URL",
            Self::PostgresPrograms => "the programs of PostgreSQL: apt-get install postgresql",
            Self::Nginx => "nginx: apt-get install nginx",
            Self::Caddy => "Caddy: apt-get install caddy",
            Self::Haproxy => "HAProxy: apt-get install haproxy",
            Self::Pgbouncer => "PgBouncer: apt-get install pgbouncer",
            Self::Fail2ban => "fail2ban: apt-get install fail2ban",
            Self::Cron => "cron: apt-get install cron",
            Self::Strace => "strace, and the right to trace: apt-get install strace",
            Self::Python => "Python: apt-get install python3",
            Self::PythonClients => {
                "Python packages: python3 -m venv target/clients && \
                 target/clients/bin/pip install -r tests/clients/requirements.txt"
            }
            Self::Mount => "the right to mount file systems: run the tests as root",
            Self::GermanLocale => "the German locale: apt-get install locales",
            Self::Chromium => "Chromium: apt-get install chromium chromium-driver",
            Self::AxeCore => {
                "axe-core: mkdir -p target/axe && npm pack --silent --pack-destination target/axe axe-core@4 && \
                 tar xzf target/axe/axe-core-*.tgz -C target/axe --strip-components 1 package/axe.min.js"
            }
            Self::Curl => "curl: apt-get install curl",
        }
    }
}

/// A program of the Python environment in `target/clients`.
pub fn python_client(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/clients/bin").join(name)
}

/// The script of axe-core: the environment variable `AXE_CORE`, or `target/axe/axe.min.js`.
pub fn axe_core_file() -> PathBuf {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/axe/axe.min.js");
    std::env::var_os("AXE_CORE").map_or_else(default, PathBuf::from)
}

/// The path of a program. Debian keeps some servers off the `PATH` of ordinary users.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(["/usr/sbin", "/usr/bin", "/usr/local/bin"].map(PathBuf::from));
    folders.into_iter().map(|folder| folder.join(name)).find(|path| path.is_file())
}

fn succeeds(command: &mut Command) -> bool {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
