//! The gateway step of `docs/tutorial.md`, with the API of `deploy/` and the real proxies.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::TestServer;
use crate::support::machine::{commands_after, repository_file};
use crate::support::proxy::free_port;
use crate::support::wait::wait_until;

const TUTORIAL: &str = "docs/tutorial.md";

/// A command with all processes that it started, killed when dropped.
struct Started(Child);

impl Started {
    fn new(script: &str, folder: &Path) -> Self {
        let mut command = Command::new("/usr/bin/unshare");
        command.args(["--pid", "--fork", "--kill-child", "/bin/sh", "-euc", script]);
        Self(command.env("HOME", folder).stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[db_test(sqlite, needs(caddy, nginx, python, curl, mount))]
fn the_gateway_step_shows_the_six_headers_behind_both_proxies() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Tutorial");
    let folder = tempfile::tempdir().unwrap();
    let [api, caddy, nginx] = [(); 3].map(|()| free_port());
    let here = |text: String| {
        text.replace("/tmp/latchkey-try", folder.path().to_str().unwrap())
            .replace("127.0.0.1:8080", &server.address.to_string())
            .replace("127.0.0.1:9000", &format!("127.0.0.1:{api}"))
            .replace(":8000", &format!(":{caddy}"))
            .replace(":8001", &format!(":{nginx}"))
    };
    let api_command = commands_after(TUTORIAL, "## 4. Protect an API").trim_end().to_owned() + &format!(" {api}");
    let _running = [
        Started::new(&api_command, folder.path()),
        Started::new(&here(commands_after(TUTORIAL, "### Caddy")), folder.path()),
        Started::new(&here(commands_after(TUTORIAL, "### nginx")), folder.path()),
    ];
    for port in [api, caddy, nginx] {
        wait_until("everything listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    }
    let try_it = commands_after(TUTORIAL, "### Try it");
    assert_eq!(try_it.lines().count(), 3, "{try_it}");
    for port in [caddy, nginx] {
        for line in try_it.lines() {
            let line = line.replace(":8000", &format!(":{port}"));
            let ran = Command::new("/bin/sh").args(["-c", &line]).env("LATCHKEY_TOKEN", &value).output().unwrap();
            let said = String::from_utf8(ran.stdout).unwrap();
            let (command, comment) = line.split_once('#').unwrap();
            let status = comment.trim().split([',', ' ']).next().unwrap();
            assert!(said.lines().next().unwrap().contains(&format!(" {status}")), "{command}: {said}");
            if status != "200" {
                assert!(!said.contains("Hello from the API"), "{command}: {said}");
                continue;
            }
            let lower_case = said.to_lowercase();
            let headers = lower_case.lines().filter(|line| line.starts_with("x-auth"));
            let mut names: Vec<&str> = headers.map(|line| line.split(':').next().unwrap()).collect();
            names.sort_unstable();
            let six =
                ["email", "role", "token", "user", "workspace", "workspace-slug"].map(|name| format!("x-auth-{name}"));
            assert_eq!(names, six, "{command}: {said}");
            assert!(said.contains("Role: administrator") && said.contains("Email: alice@example.org"), "{said}");
            assert!(!said.contains("Authorization arrived") && !said.contains(value.as_str()), "{command}: {said}");
        }
    }
    let clean_up = here(commands_after(TUTORIAL, "## Clean up"));
    assert!(Command::new("/bin/sh").args(["-euc", &clean_up]).status().unwrap().success());
    assert!(!folder.path().exists());
}

#[plain_test]
fn everything_in_the_documents_for_newcomers_listens_on_this_machine_only() {
    for document in ["README.md", TUTORIAL] {
        let text = repository_file(document);
        assert!(!text.contains("http.server"), "{document} serves files");
        for line in text.lines().map(str::trim) {
            let is_address = line.starts_with("listen ") || line.starts_with("bind ");
            assert!(!is_address || line.contains("127.0.0.1"), "{document}: {line}");
        }
    }
    assert!(repository_file(TUTORIAL).contains("bind 127.0.0.1"));
    let api = repository_file("deploy/echo-api.py");
    assert!(api.contains("ThreadingHTTPServer((\"127.0.0.1\", "), "the API listens on this machine only");
}
