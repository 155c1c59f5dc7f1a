//! The API as third-party clients use it: Python's HTTP libraries, RapidPro's client, and schemathesis.
//!
//! `.ci/run` installs them into `target/clients`.

use std::io::Write as _;
use std::process::{Command, Stdio};

use diesel::connection::SimpleConnection as _;
use serde_json::{Value, json};

use crate::support::browser_client::Browser;
use crate::support::process::Home;
use crate::support::requirement::{program, python_client};
use crate::support::{PASSWORD, TestServer};

/// Runs a part of `tests/clients/contract.py`.
fn run_contract(part: &str, input: &Value) {
    let mut child = Command::new(python_client("python"))
        .args(["-B", "tests/clients/contract.py", part])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
    let ran = child.wait_with_output().unwrap();
    assert!(ran.status.success(), "{part}: {}", String::from_utf8_lossy(&ran.stderr));
}

fn base(server: &TestServer) -> String {
    format!("http://{}", server.address)
}

#[db_test(needs(python_clients))]
fn python_libraries_and_the_rapidpro_client_get_the_documented_answers() {
    let server = TestServer::start();
    let (alice, bob) = (server.signed_in("alice"), server.signed_in("bob"));
    let (value, deleted) =
        (server.create_token(&alice, "acme", "Reporting"), server.create_token(&alice, "acme", "Deleted"));
    alice.post(&alice.delete_path("acme", "Deleted"), &[]);
    let agents = server.create_token(&bob, "acme", "Reporting");
    server.db_execute("UPDATE memberships SET role = 'agent' WHERE role = 'editor'");
    run_contract(
        "table",
        &json!({
            "base": base(&server), "value": value, "deleted": deleted, "email": "alice@example.org",
            "stranger": "charlie@example.org", "agent": "bob@example.org", "agent_value": agents,
            "unknown": "rpat00000000000000000000000000000000000007kL57",
        }),
    );
}

#[db_test(sqlite, needs(python_clients))]
fn the_code_on_the_page_of_a_new_value_works() {
    let home = Home::new();
    let email = "alice@example.org";
    home.add_acme(&[email], "editor");
    let server = home.serve_with(&[], "warn");
    let alice = Browser::new(server.address);
    assert_eq!(alice.sign_in(email, PASSWORD).status, 303);
    let page = alice.create_token("acme", "Reporting");
    let run = |id: &str, program: std::path::PathBuf, flag: &str| {
        let code = page.between(&format!("<pre id=\"{id}\""), "</pre>").unwrap().split_once('>').unwrap().1;
        let ran = Command::new(program).args([flag, code]).env("LATCHKEY_TOKEN", page.value()).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert!(ran.status.success() && said.contains("Acme"), "{id}: {said}{}", String::from_utf8_lossy(&ran.stderr));
    };
    run("python", python_client("python"), "-c");
    run("rapidpro", python_client("python"), "-c");
    if let Some(node) = program("node") {
        run("node", node, "-e");
    }
}

#[db_test(needs(python_clients))]
fn the_rapidpro_client_pages_through_the_users() {
    let server = TestServer::start();
    server.db_crowd(517);
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    run_contract("users", &json!({"base": base(&server), "value": value, "pages": [250, 250, 20]}));
}

#[db_test(needs(python_clients))]
fn clients_that_honor_retry_after_pass_the_rate_limit() {
    let home = Home::new();
    let email = "alice@example.org";
    home.add_acme(&[email], "editor");
    let value = home.done(&["token", "create", "--workspace", "acme", "--email", email, "--name", "Reporting"]);
    let server = home.serve_with(&["--api-rate", "4/second"], "warn");
    let input = json!({"base": server.url(""), "value": value.trim_end(), "email": email, "count": 4});
    run_contract("rate", &input);
    assert!(!server.said().contains("ERROR"), "{}", server.said());
}

#[db_test(sqlite, needs(python_clients))]
fn clients_get_a_retryable_error_while_the_database_does_not_answer() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let mut other = server.database.connect();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    run_contract("unavailable", &json!({"base": base(&server), "value": value, "email": "alice@example.org"}));
    other.batch_execute("ROLLBACK").unwrap();
    assert_eq!(server.call(&value).status, 200);
}

#[db_test(needs(python_clients))]
fn schemathesis_finds_no_5xx_and_no_undocumented_answer() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let bearer = |name: &str| format!("Authorization: Bearer {}", server.create_token(&alice, "acme", name));
    let (kept, deleted) = (bearer("Kept"), bearer("Deleted"));
    let document = format!("{}/api/v2/openapi.json", base(&server));
    for (who, args) in [
        ("a token", ["-H", &kept, "--exclude-method", "DELETE"]),
        // It succeeds once; then the token is refused, which is described as well.
        ("a token to be deleted", ["-H", &deleted, "--include-method", "DELETE"]),
        ("nobody", ["--generation-with-security-parameters", "false", "--max-redirects", "0"]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let ran = Command::new(python_client("schemathesis"))
            .args(["run", &document, "--checks", "all", "-n", "25", "--seed", "1", "--workers", "1"])
            .args(["--no-color", "--warnings", "off", "--generation-database", "none"])
            .args(args)
            .current_dir(folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success(), "{who}: {said}{}", String::from_utf8_lossy(&ran.stderr));
        assert!(said.contains("No issues found"), "{who}: {said}");
    }
    let value = |header: &str| header.rsplit(' ').next().unwrap().to_owned();
    assert_eq!([kept, deleted].map(|header| server.call(value(&header)).status), [200, 401], "they were really used");
}
