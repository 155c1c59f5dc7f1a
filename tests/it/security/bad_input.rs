//! Invalid input: a page says what is wrong, and nothing changes.

use crate::support::api_client::{Answer, form};
use crate::support::browser_client::Browser;
use crate::support::{PASSWORD, TABLES, TestServer, plain_settings};

const OURS: &[(&str, &str)] = &[("Sec-Fetch-Site", "same-origin")];
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
/// The tables that a refused form leaves as they are. Failures to sign in are counted elsewhere.
const KEPT: &[&str] =
    &["users", "sessions", "one_time_links", "settings", "workspaces", "memberships", "tokens", "token_values"];

/// A form that would be taken, and the fields of it that may be empty.
struct Sample {
    path: String,
    fields: Vec<(&'static str, String)>,
    may_be_empty: &'static [&'static str],
}

impl Sample {
    fn new(path: &str, fields: &[(&'static str, &str)], may_be_empty: &'static [&'static str]) -> Self {
        let fields = fields.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
        Self { path: path.to_owned(), fields, may_be_empty }
    }

    /// The form with another text in one field; without the field for `None`.
    fn with(&self, field: &str, text: Option<&str>) -> Vec<u8> {
        let fields = self.fields.iter().filter_map(|(name, kept)| {
            if *name == field { text.map(|text| (*name, text)) } else { Some((*name, kept.as_str())) }
        });
        form(&fields.collect::<Vec<_>>())
    }
}

/// Every form that Alice, who is signed in, can send.
fn alices_forms() -> Vec<Sample> {
    vec![
        Sample::new("/login", &[("email", "alice@example.org"), ("password", PASSWORD)], &[]),
        Sample::new(
            "/w/acme/settings",
            &[
                ("name", "Ours"),
                ("kind", "production"),
                ("country", "RW"),
                ("languages", "eng"),
                ("timezone", "UTC"),
                ("date_style", "day_first"),
            ],
            &["country", "languages"],
        ),
        Sample::new("/w/acme/settings/tokens", &[("name", "Made"), ("form_key", "0123456789abcdefABCDEF")], &[]),
        Sample::new(
            "/w/acme/settings/members/invitations",
            &[("role", "agent"), ("email", "kim@example.org"), ("note", "Kim"), ("form_key", "0123456789abcdefABCDEF")],
            &["email", "note"],
        ),
        Sample::new("/workspaces/new", &[("name", "Tea"), ("kind", "demo"), ("slug", "tea")], &["slug"]),
        Sample::new("/account/name", &[("name", "Alicia")], &[]),
        Sample::new("/account/time-zone", &[("time_zone", "browser")], &[]),
        Sample::new("/account/email", &[("email", "alicia@example.org"), ("password", PASSWORD)], &[]),
        Sample::new(
            "/account/password",
            &[("present_password", PASSWORD), ("new_password", "seven blue kettles")],
            &[],
        ),
    ]
}

/// The form of a server that nobody has set up.
fn setup_form(server: &TestServer) -> Sample {
    let code = server.setup_url.as_ref().unwrap().split("code=").nth(1).unwrap();
    let person = [("name", "Ada"), ("email", "ada@example.org"), ("password", "seven blue kettles")];
    Sample::new("/setup", &[&person[..], &[("workspace", "Tea"), ("code", code)]].concat(), &[])
}

fn send(browser: &Browser, path: &str, body: Vec<u8>) -> Answer {
    browser.send("POST", path, OURS, &[FORM], body)
}

/// Asserts that the answer is a page that says something.
#[track_caller]
fn assert_page(answer: &Answer, what: &str) {
    assert!(answer.body.contains("<h1>") && answer.text().len() > 80, "{what}: {} {}", answer.status, answer.body);
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8", "{what}");
}

/// Sends one form wrong in every way, field by field.
fn refuse_each_field(server: &TestServer, browser: &Browser, sample: &Sample) {
    let before = server.db_rows(KEPT);
    let long = "x".repeat(10_000);
    for (field, _) in &sample.fields {
        let texts = [
            None,
            Some(""),
            Some(" \t "),
            Some(&long),
            Some("a\0b"),
            Some("a\u{1}b"),
            Some("a\u{85}b"),
            Some("a\u{202e}b"),
            Some("\u{200b}"),
        ];
        for text in texts {
            if sample.may_be_empty.contains(field) && text.is_none_or(|text| text.trim().is_empty()) {
                continue;
            }
            let answer = send(browser, &sample.path, sample.with(field, text));
            let what = format!("{} with {field} {:?}", sample.path, text.map(|text| text.get(..9).unwrap_or(text)));
            let expected = if *field == "code" { 403 } else { 422 };
            assert_eq!(answer.status, expected, "{what}: {}", answer.body);
            assert_page(&answer, &what);
            if field.contains("password") {
                // Ten failures in 15 minutes would lock the account: a test of its own covers that.
                server.clock.advance(std::time::Duration::from_mins(2));
            }
        }
    }
    assert_eq!(server.db_rows(KEPT), before, "{}", sample.path);
}

#[db_test]
fn every_field_is_rejected_if_empty_too_long_or_deceptive() {
    let server = TestServer::start();
    for sample in alices_forms() {
        // Signed in just now: that a session was seen is written down once an hour.
        let browser = if sample.path == "/login" { server.browser() } else { server.signed_in("alice") };
        refuse_each_field(&server, &browser, &sample);
    }
    let person = [("name", "Kim"), ("email", "kim@example.org"), ("password", "seven blue kettles")];
    let invitation = server.invite(&server.signed_in("alice"), "editor");
    refuse_each_field(&server, &server.browser(), &Sample::new(&invitation, &person, &[]));
    let reset = Sample::new(&server.reset_link("bob"), &person[2..], &[]);
    refuse_each_field(&server, &server.browser(), &reset);
    let new = TestServer::empty(plain_settings());
    refuse_each_field(&new, &new.browser(), &setup_form(&new));
}

#[db_test]
fn usual_names_are_accepted() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    for name in ["📊👩🏽‍🚀", "Ünïcödé 漢字 עברית", &"é".repeat(64)] {
        let answer = alice.create_token("acme", name);
        assert_eq!(answer.status, 201, "{name}: {}", answer.text());
        assert!(answer.text().contains(&format!("Copy the value of {name} now.")), "{}", answer.text());
    }
    let general = &alices_forms()[1];
    for (field, text) in [("name", "Ours 🔑"), ("country", ""), ("languages", "")] {
        assert_eq!(send(&alice, &general.path, general.with(field, Some(text))).status, 303, "{field}");
    }
}

#[db_test]
fn a_body_that_is_no_form_is_rejected_before_it_is_parsed() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    server.create_token(&alice, "acme", "Reporting");
    let delete = alice.delete_path("acme", "Reporting");
    let new = TestServer::empty(plain_settings());
    let (mut cases, nobody) = (Vec::new(), new.browser());
    let (invitation, reset) = (server.invite(&alice, "editor"), server.reset_link("bob"));
    for path in [
        "/login",
        "/logout",
        "/account/name",
        "/account/password",
        "/workspaces/new",
        &invitation,
        &reset,
        "/w/acme/settings",
        "/w/acme/settings/tokens",
        &delete,
    ] {
        cases.push((&server, &alice, path));
    }
    cases.push((&new, &nobody, "/setup"));
    for (server, browser, path) in cases {
        let before = server.db_rows(&TABLES);
        let large = [b"name=".to_vec(), vec![b'x'; 10 * 1024 * 1024]].concat();
        let just_over = [b"name=".to_vec(), vec![b'x'; 16 * 1024 - 4]].concat();
        for (kind, body, status) in [
            (Some("application/x-www-form-urlencoded"), b"name=a&name=b".to_vec(), 400),
            (Some("application/x-www-form-urlencoded"), b"n%61me=a&name=a".to_vec(), 400),
            (Some("application/x-www-form-urlencoded"), b"name=%FF".to_vec(), 400),
            (Some("application/x-www-form-urlencoded"), b"%C3=a".to_vec(), 400),
            (Some("application/x-www-form-urlencoded; charset=utf-8"), b"name=\xff\xfe".to_vec(), 400),
            (Some("application/x-www-form-urlencoded"), just_over, 413),
            (Some("application/x-www-form-urlencoded"), large, 413),
            (Some("application/json"), br#"{"name":"a"}"#.to_vec(), 415),
            (Some("text/plain"), b"name=a".to_vec(), 415),
            (Some("multipart/form-data; boundary=b"), b"--b\r\n\r\n--b--".to_vec(), 415),
            (Some("application/x-www-form-urlencodedx"), b"name=a".to_vec(), 415),
            (None, b"name=a".to_vec(), 415),
        ] {
            let kind = kind.map(|kind| ("Content-Type", kind));
            let answer = browser.send("POST", path, OURS, kind.as_slice(), body);
            assert_eq!(answer.status, status, "{path} {kind:?}: {}", answer.body);
            assert_eq!(answer.title(), "This form can’t be read · Latchkey");
            assert!(answer.text().contains("Nothing was changed. Go back, reload the page"), "{}", answer.text());
        }
        assert_eq!(server.db_rows(&TABLES), before, "{path}");
    }
}

#[db_test]
fn an_invalid_path_is_a_not_found_page() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    server.create_token(&alice, "acme", "Reporting");
    let before = server.db_rows(KEPT);
    let long = "x".repeat(5000);
    for word in [
        "abc",
        "0",
        "-1",
        "9223372036854775808",
        "18446744073709551616",
        "0199c2b4-0000-7000-8000-000000000000",
        "0199c2b400007000800000000000000",
        "%7B0199c2b4-0000-7000-8000-000000000000%7D",
        "%00",
        "%FF",
        "%2e%2e%2f",
        "%E2%80%AE",
        "a%0d%0ab",
        "'%20OR%201=1--",
        &long,
    ] {
        for path in
            [format!("/w/acme/settings/tokens/{word}/delete"), format!("/w/{word}"), format!("/w/{word}/settings")]
        {
            let (get, post) = (alice.get(&path), alice.post(&path, &[]));
            assert_eq!(get.status, 404, "GET {path}: {}", get.body);
            assert_page(&get, &path);
            let expected = if path == format!("/w/{word}") { 405 } else { 404 };
            assert_eq!(post.status, expected, "POST {path}: {}", post.body);
            assert_page(&post, &path);
        }
        let path = format!("/w/{word}/settings/tokens");
        for answer in [alice.get(&path), alice.get(&format!("{path}/new")), send(&alice, &path, form(&[("name", "x")]))]
        {
            assert_eq!(answer.status, 404, "{path}: {}", answer.body);
            assert_page(&answer, &path);
        }
        let signed_out = send(&server.browser(), &path, form(&[("name", "x")]));
        assert!(matches!(signed_out.status, 303 | 404), "{path}: {}", signed_out.status);
    }
    assert_eq!(server.db_rows(KEPT), before);
}
