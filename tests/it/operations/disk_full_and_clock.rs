//! A full or read-only disk, a clock that jumps, and SIGTERM under load. `docs/operations.md` describes the behavior.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::api_client::{Answer, Call};
use crate::support::browser_client::Browser;
use crate::support::process::{Home, Latchkey};
use crate::support::wait::{SetOnDrop, wait_until};
use crate::support::{PASSWORD, TestServer};

/// A small disk of its own. Taken away when dropped.
struct Disk(PathBuf);

impl Disk {
    fn new(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let options = ["-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs", folder.to_str().unwrap()];
        assert!(mount(&options), "a test with a disk of its own needs(mount)");
        Self(folder.to_owned())
    }

    fn make_read_only(&self, is_read_only: bool) {
        let how = if is_read_only { "remount,ro" } else { "remount,rw" };
        assert!(mount(&["-o", how, self.0.to_str().unwrap()]), "{how}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn mount(args: &[&str]) -> bool {
    Command::new("mount").args(args).output().is_ok_and(|ran| ran.status.success())
}

fn url(folder: &Path) -> String {
    format!("sqlite://{}", folder.join("latchkey.db").display())
}

/// A server whose database is on that disk, somebody signed in there, and a token's value.
fn at_work(home: &Home, folder: &Path) -> (Latchkey, Browser, String) {
    let url = url(folder);
    let run = |args: &[&str], stdin: &str| home.done_with(&[&["--database-url", &url], args].concat(), stdin);
    run(&["user", "add", "--email", "alice@example.org", "--name", "Alice", "--password-stdin"], PASSWORD);
    run(&["workspace", "add", "--name", "Acme", "--slug", "acme", "--kind", "production"], "");
    run(&["member", "add", "--workspace", "acme", "--email", "alice@example.org", "--role", "administrator"], "");
    let server = home.serve_with(&["--database-url", &url], "warn");
    let alice = Browser::new(server.address);
    assert_eq!(alice.sign_in("alice@example.org", PASSWORD).status, 303);
    let value = alice.create_token("acme", "Reporting").value();
    (server, alice, value)
}

fn call(server: &Latchkey, value: &str) -> u16 {
    Call::new(server.address, "GET", "/api/v2/workspace.json").bearer(value).send().status
}

#[db_test(sqlite, needs(mount))]
fn a_full_disk_stops_writes_but_not_reads_until_there_is_space() {
    let home = Home::new();
    let folder = home.folder.path().join("disk");
    let _disk = Disk::new(&folder);
    let (server, alice, value) = at_work(&home, &folder);
    let form_key = alice.get("/w/acme/settings/tokens/new").hidden("form_key");
    let token = alice.delete_path("acme", "Reporting").trim_end_matches("/delete").to_owned();
    std::fs::write(folder.join("hog"), vec![0u8; 4 << 20]).unwrap_err();

    // The WAL may have room left for some writes; then it has none.
    let rename = |nth| alice.post(&token, &[("name", &format!("Reporting {nth} {}", "x".repeat(40)))]);
    let refused = (0..200).map(rename).find(|answer| answer.status != 303).unwrap();
    assert_eq!(refused.status, 503, "the disk is full");
    let id = refused.header("x-request-id");
    assert!(refused.body.contains(id), "an id to quote: {}", refused.body);
    let line = server.line(&format!("{id} POST {token}: 503"));
    assert!(line.contains("ERROR") && line.contains("full"), "the log says why: {line}");
    for health in ["/healthz", "/readyz"] {
        assert_eq!(Call::new(server.address, "GET", health).send().status, 200, "{health}: reading goes on");
    }
    assert_eq!((call(&server, &value), call(&server, "junk")), (200, 401), "tools go on");
    assert_eq!(alice.get("/w/acme/settings/tokens").status, 200, "pages can be read");

    std::fs::remove_file(folder.join("hog")).unwrap();
    let made = alice.post("/w/acme/settings/tokens", &[("name", "Partner"), ("form_key", &form_key)]);
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(call(&server, &made.value()), 200);
    let (status, said) = server.terminate();
    assert_eq!(status, 0, "{said}");
}

#[db_test(sqlite, needs(mount))]
fn a_read_only_disk_is_one_line_at_start_and_loses_nothing() {
    let home = Home::new();
    let folder = home.folder.path().join("disk");
    let disk = Disk::new(&folder);
    let (server, alice, value) = at_work(&home, &folder);
    // A disk with files open for writing can't be made read-only.
    let (status, said) = server.terminate();
    assert_eq!(status, 0, "{said}");
    disk.make_read_only(true);
    let url = url(&folder);
    let said = home.fails(&["--database-url", &url, "serve", "--listen", "127.0.0.1:0"]);
    assert!(said.contains("latchkey.db"), "one line that names the file: {said}");
    assert!(said.ends_with("unable to open database file"), "and says what it could not do: {said}");
    disk.make_read_only(false);
    let server = home.serve_with(&["--database-url", &url], "warn");
    assert_eq!(call(&server, &value), 200, "nothing was lost");
    assert_eq!(alice.moved_to(server.address).get("/w/acme/settings/tokens").status, 200, "still signed in");
}

#[db_test]
fn a_sigterm_under_load_loses_no_acknowledged_write() {
    let home = Home::new();
    let server = home.serve_with(&[], "warn");
    home.done_with(&["user", "add", "--email", "alice@example.org", "--name", "Alice", "--password-stdin"], PASSWORD);
    let slugs = ["acme", "bolt", "cogs", "dyes"];
    for slug in slugs {
        home.done(&["workspace", "add", "--name", "Name 0", "--slug", slug, "--kind", "production"]);
        home.done(&["member", "add", "--workspace", slug, "--email", "alice@example.org", "--role", "administrator"]);
    }
    let alice = Browser::new(server.address);
    assert_eq!(alice.sign_in("alice@example.org", PASSWORD).status, 303);
    let values = slugs.map(|slug| alice.create_token(slug, "Reporting").value());
    let (address, is_over) = (server.address, AtomicBool::new(false));
    // Each renames a workspace of their own, so that the last word of each can be looked for.
    let renamed: Vec<AtomicUsize> = slugs.iter().map(|_| AtomicUsize::new(0)).collect();
    let answered = std::thread::scope(|scope| {
        let _is_over = SetOnDrop(&is_over);
        let working: Vec<_> = slugs
            .into_iter()
            .zip(&values)
            .zip(&renamed)
            .map(|((slug, value), renamed)| {
                let (alice, is_over) = (alice.clone(), &is_over);
                scope.spawn(move || {
                    let mut answered = 0;
                    while !is_over.load(Ordering::Relaxed) {
                        let call = Call::new(address, "GET", "/api/v2/workspace.json").bearer(value).try_send();
                        assert!(call.is_err() || call.unwrap().status == 200, "let in, or not answered at all");
                        let Ok(answer) = rename(&alice, slug, answered + 1) else { break };
                        assert_eq!(answer.status, 303, "{}", answer.body);
                        answered += 1;
                        renamed.store(answered, Ordering::Relaxed);
                    }
                    answered
                })
            })
            .collect();
        wait_until("each workspace is renamed three times", || {
            renamed.iter().all(|renamed| renamed.load(Ordering::Relaxed) >= 3)
        });
        let (status, said) = server.terminate();
        is_over.store(true, Ordering::Relaxed);
        assert_eq!(status, 0, "{said}");
        assert!(!said.contains("ERROR") && !said.contains("panicked"), "{said}");
        working.into_iter().map(|one| one.join().unwrap()).collect::<Vec<usize>>()
    });
    let again = home.serve_with(&[], "warn");
    for ((slug, value), answered) in slugs.into_iter().zip(&values).zip(answered) {
        assert!(answered > 0, "nobody worked in {slug}");
        let body = Call::new(again.address, "GET", "/api/v2/workspace.json").bearer(value).send().json();
        let there: usize = body["name"].as_str().unwrap().trim_start_matches("Name ").parse().unwrap();
        // One more where the answer was cut off.
        assert!(there == answered || there == answered + 1, "{slug}: {answered} was answered, {there} is there");
    }
}

fn rename(alice: &Browser, slug: &str, nth: usize) -> Result<Answer, ureq::Error> {
    let name = format!("Name {nth}");
    let form = [("name", name.as_str()), ("country", ""), ("languages", "eng"), ("timezone", "UTC")];
    let more = [("date_style", "day_first"), ("kind", "production")];
    alice.try_post(&format!("/w/{slug}/settings"), &[&form[..], &more[..]].concat())
}

#[db_test]
fn a_clock_set_back_or_forward_ends_no_value_early_or_late() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let form_key = alice.get("/w/acme/settings/tokens/new").hidden("form_key");
    let fields = [("name", "Monthly"), ("expiry", "30"), ("form_key", &form_key)];
    let created = alice.post("/w/acme/settings/tokens", &fields);
    assert_eq!(created.status, 201, "{}", created.body);
    let value = created.value();
    let day = Duration::from_hours(24);
    assert_eq!(server.call(&value).status, 200);
    server.clock.advance(40 * day);
    assert_eq!(server.call(&value).status, 401, "forward: it has expired");
    server.clock.set_back(39 * day);
    assert_eq!(server.call(&value).status, 200, "and back: it has not");
    server.clock.set_back(2 * day);
    assert_eq!(server.call(&value).status, 200, "before it was made: it lives");
    let list = server.signed_in("alice").get("/w/acme/settings/tokens");
    assert!(list.status == 200 && list.text().contains("Monthly"), "{}", list.text());
}
