//! What was typed into a form is kept when the session has ended: for the same person, once, and for an hour.

use std::time::Duration;

use crate::support::api_client::{Answer, encode};
use crate::support::browser_client::Browser;
use crate::support::html::Page;
use crate::support::{PASSWORD, TestServer, https_settings};
use crate::web::typed_forms::TypedForms;

const COOKIE: &str = "latchkey-form";

/// The forms without text that is kept, each with its reason.
const NOTHING_KEPT: [(&str, &str); 2] =
    [("/account/password", "its fields are passwords"), ("/account/time-zone", "it is one of two choices")];

/// A form, the page that shows it, and what Alice typed.
type Typed<'a> = (String, String, &'a [(&'a str, &'a str)]);

fn typed<'a>(action: &str, page: &str, fields: &'a [(&'a str, &'a str)]) -> Typed<'a> {
    (action.to_owned(), page.to_owned(), fields)
}

fn every_form(forms: &TypedForms) -> [Typed<'static>; 11] {
    let (token, bob, settings) = (forms.token.as_str(), forms.bob.as_str(), "/w/acme/settings");
    let invitations = "/w/acme/settings/members/invitations";
    [
        typed("/account/name", "/account", &[("name", "Alice & <b>Söhne</b>")]),
        typed("/account/email", "/account", &[("email", "other@example.org")]),
        typed("/workspaces/new", "/workspaces/new", &[("name", "Tea"), ("kind", "demo"), ("slug", "Not A Slug")]),
        typed(
            settings,
            settings,
            &[
                ("name", "Acme Two"),
                ("kind", "demo"),
                ("country", "rw"),
                ("languages", "kin, xx"),
                ("timezone", "Mars"),
                ("date_style", "year_first"),
            ],
        ),
        typed(invitations, invitations, &[("role", "agent"), ("email", "kim@"), ("note", "Kim’s tablet")]),
        typed(
            "/w/acme/settings/tokens",
            "/w/acme/settings/tokens/new",
            &[("name", "Night sync"), ("expiry", "date"), ("expires_on", "2027-01-31")],
        ),
        typed(token, &format!("{token}/rename"), &[("name", "Night sync")]),
        typed(&format!("{token}/note"), token, &[("note", "Vault, run by Bob")]),
        typed(
            &format!("{token}/rotate"),
            &format!("{token}/rotate"),
            &[("grace", "none"), ("expiry", "date"), ("expires_on", "2027-02-01")],
        ),
        typed(bob, bob, &[("role", "administrator")]),
        typed(&format!("{bob}/email"), bob, &[("email", "robert@example.org")]),
    ]
}

/// Whether the page's form has this text or choice.
fn has_input(page: &Page, name: &str, text: &str) -> bool {
    page.has(&format!("input[name={name}]:not([type=radio])[value='{text}']"))
        || page.has(&format!("input[type=radio][name={name}][value='{text}'][checked]"))
        || page.has(&format!("select[name={name}] option[value='{text}'][selected]"))
}

fn end_sessions(server: &TestServer) {
    server.db_execute("DELETE FROM sessions");
}

/// Opens the page, ends the session, and submits the form with all fields of the page's form.
fn submit_without_session(server: &TestServer, browser: &Browser, (action, page, fields): &Typed<'_>) -> Answer {
    let form = browser.get(page).page();
    let hidden = |name: &str| form.attribute(&format!("form[action='{action}'] input[name={name}]"), "value");
    let mut sent = vec![("reader", hidden("reader"))];
    if form.has(&format!("form[action='{action}'] input[name=form_key]")) {
        sent.push(("form_key", hidden("form_key")));
    }
    end_sessions(server);
    let sent = sent.iter().map(|(name, text)| (*name, text.as_str()));
    browser.post(action, &sent.chain(fields.iter().copied()).collect::<Vec<_>>())
}

fn sign_in(browser: &Browser, name: &str, login: &Answer) -> Answer {
    let email = format!("{name}@example.org");
    browser.post("/login", &[("email", &email), ("password", PASSWORD), ("next", &login.hidden("next"))])
}

fn form_cookie(answer: &Answer) -> Option<&str> {
    answer.headers("set-cookie").find(|cookie| cookie.contains("latchkey-form="))
}

#[db_test]
fn every_form_is_kept_until_the_same_person_has_signed_in() {
    let server = TestServer::start();
    let forms = TypedForms::find(&server);
    let typed = every_form(&forms);
    for (action, page) in &forms.found {
        let is_listed = typed.iter().any(|(listed, ..)| listed == action);
        let is_exception = NOTHING_KEPT.iter().any(|(exception, _)| exception == action);
        assert!(is_listed || is_exception, "{action} on {page}: keep what is typed, or give a reason");
    }
    for form in &typed {
        let (action, page, fields) = form;
        let alice = server.signed_in("alice");
        let before = server.db_rows(&["users", "workspaces", "tokens", "one_time_links", "memberships"]);
        let redirect = submit_without_session(&server, &alice, form);
        assert_eq!(redirect.status, 303, "{action}: {}", redirect.body);
        assert_eq!(redirect.header("location"), format!("/login?next={}", encode(page)), "{action}");
        let cookie = form_cookie(&redirect).unwrap_or_else(|| panic!("{action} is not kept"));
        assert!(fields.iter().all(|(_, text)| text.len() < 3 || !cookie.contains(text)), "{action}: {cookie}");

        let login = alice.get(redirect.header("location"));
        assert!(login.text().contains("Your session has ended.") && login.text().contains("what you typed is kept"));
        let signed_in = sign_in(&alice, "alice", &login);
        assert_eq!((signed_in.status, signed_in.header("location")), (303, page.as_str()), "{action}");
        let sessions = server.db_rows(&["sessions"]);
        assert!(fields.iter().all(|(_, text)| text.len() < 6 || !sessions.contains(text)), "{action}: {sessions}");

        let shown = alice.get(page);
        for (name, text) in *fields {
            assert!(has_input(&shown.page(), name, text), "{action}: {name}: {}", shown.body);
        }
        assert!(shown.text().contains("What you typed is still here, but not saved yet"), "{action}");
        assert!(!shown.page().has(".error") && !shown.page().has(".error-summary"), "{action}");
        assert_eq!(server.db_rows(&["users", "workspaces", "tokens", "one_time_links", "memberships"]), before);

        let again = alice.get(page);
        assert!(!fields.iter().all(|(name, text)| has_input(&again.page(), name, text)), "{action} is kept twice");
        assert!(!again.text().contains("What you typed is still here"), "{action}");
        assert!(!alice.cookie_header().contains(COOKIE), "{action}");
    }
}

fn note(forms: &TypedForms) -> Typed<'static> {
    typed(&format!("{}/note", forms.token), &forms.token, &[("note", "Vault, run by Bob")])
}

fn shows_note(browser: &Browser, form: &Typed<'_>) -> bool {
    has_input(&browser.get(&form.1).page(), "note", "Vault, run by Bob")
}

#[db_test]
fn another_person_who_signs_in_gets_nothing_and_ends_it() {
    let server = TestServer::start();
    let shared = server.signed_in("alice");
    let form = typed("/account/name", "/account", &[("name", "Of Alice’s")]);
    let login = shared.get(submit_without_session(&server, &shared, &form).header("location"));
    for name in ["bob", "alice"] {
        let at_next = sign_in(&shared, name, &login);
        assert_eq!((at_next.status, at_next.header("location")), (303, "/account"));
        assert!(!shared.get("/account").body.contains("Of Alice’s"), "{name}");
        assert!(!shared.cookie_header().contains(COOKIE), "{name}");
        shared.post("/logout", &[]);
    }

    // The page was Alice's, although another person used the browser meanwhile.
    let reader = server.uuid_of("alice");
    assert_eq!(shared.sign_in("bob@example.org", PASSWORD).status, 303);
    shared.post("/logout", &[]);
    let kept = shared.post(&form.0, &[("reader", reader.as_str()), ("name", "Of Alice’s")]);
    assert!(form_cookie(&kept).is_some());
    sign_in(&shared, "bob", &shared.get(kept.header("location")));
    assert!(!shared.get("/account").body.contains("Of Alice’s"));
}

#[db_test]
fn a_form_is_kept_for_an_hour_and_for_its_page_only() {
    let server = TestServer::start();
    let form = note(&TypedForms::find(&server));
    for (passed, is_kept) in [(Duration::from_mins(59), true), (Duration::from_mins(61), false)] {
        let alice = server.signed_in("alice");
        let redirect = submit_without_session(&server, &alice, &form);
        assert!(form_cookie(&redirect).unwrap().contains("Max-Age=3600"), "{redirect:?}");
        let cookie = alice.cookie_header();
        server.clock.advance(passed);
        let login = alice.get(redirect.header("location"));
        assert_eq!(login.text().contains("what you typed is kept"), is_kept);
        assert_eq!(sign_in(&alice, "alice", &login).status, 303);
        assert_eq!(shows_note(&alice, &form), is_kept, "after {passed:?}");
        assert!(cookie.contains(COOKIE) && !alice.cookie_header().contains(COOKIE));
    }

    // An hour passes between the sign-in and the page.
    let alice = server.signed_in("alice");
    let login = alice.get(submit_without_session(&server, &alice, &form).header("location"));
    sign_in(&alice, "alice", &login);
    server.clock.advance(Duration::from_mins(61));
    assert!(!shows_note(&alice, &form));

    // Alice signs in for another page first, in another tab.
    let alice = server.signed_in("alice");
    let redirect = submit_without_session(&server, &alice, &form);
    assert_eq!(alice.post("/login", &[("email", "alice@example.org"), ("password", PASSWORD)]).status, 303);
    assert!(!shows_note(&alice, &form));
    assert_eq!(alice.get(redirect.header("location")).header("location"), form.1);
    assert!(shows_note(&alice, &form) && !shows_note(&alice, &form));
}

#[db_test]
fn an_invalid_cookie_counts_for_nothing() {
    let server = TestServer::start();
    let form = note(&TypedForms::find(&server));
    let other = TestServer::start();
    let stranger = other.signed_in("alice");
    let fields = [("name", "Vault, run by Bob")];
    submit_without_session(&other, &stranger, &typed("/account/name", "/account", &fields));
    let foreign = stranger.cookie_header();
    let foreign = foreign.split(&format!("{COOKIE}=")).nth(1).unwrap().split(';').next().unwrap();
    let alice = server.signed_in("alice");
    let session = alice.cookie_header().split_once('=').unwrap().1.to_owned();
    for value in [foreign, &session, "x", "AAAA", "\"", &"A".repeat(3000)] {
        let browser = server.browser();
        browser.set_cookie(COOKIE, value);
        let login = browser.get(&format!("/login?next={}", encode(&form.1)));
        assert_eq!((login.status, login.text().contains("is kept")), (200, false), "{value}");
        assert_eq!(sign_in(&browser, "alice", &login).status, 303, "{value}");
        assert!(!shows_note(&browser, &form) && !browser.cookie_header().contains(COOKIE), "{value}");
        browser.set_cookie(COOKIE, value);
        assert_eq!(browser.get("/login?next=%2Faccount").header("location"), "/account", "{value}");
    }
}

#[db_test]
fn passwords_are_never_kept() {
    let server = TestServer::start();
    let email = typed("/account/email", "/account", &[("email", "new@example.org"), ("password", "secret-0123456789")]);
    let alice = server.signed_in("alice");
    let login = alice.get(submit_without_session(&server, &alice, &email).header("location"));
    sign_in(&alice, "alice", &login);
    let page = alice.get("/account");
    assert!(has_input(&page.page(), "email", "new@example.org"));
    assert!(!page.body.contains("secret-0123456789"));
    end_sessions(&server);
    let passwords =
        [("reader", server.uuid_of("alice")), ("new_password", "a".repeat(20)), ("present_password", "b".repeat(20))];
    let passwords = passwords.each_ref().map(|(name, text)| (*name, text.as_str()));
    assert_eq!(form_cookie(&alice.post("/account/password", &passwords)), None);
}

#[db_test]
fn only_a_form_of_the_site_is_kept() {
    let server = TestServer::start_with(https_settings());
    let reader = server.uuid_of("alice");
    let post = |headers: &[(&str, &str)], fields: &[(&str, &str)]| {
        let body = crate::support::api_client::form(fields);
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        server.browser().send("POST", "/account/name", headers, &form, body)
    };
    let fields = [("reader", reader.as_str()), ("name", "Mallory was here")];
    for headers in [&[][..], &[("Sec-Fetch-Site", "cross-site")], &[("Origin", "https://evil.example")]] {
        let refused = post(headers, &fields);
        assert_eq!((refused.status, form_cookie(&refused)), (403, None), "{headers:?}");
    }
    let own = [("Sec-Fetch-Site", "same-origin")];
    let kept = post(&own, &fields);
    let cookie = form_cookie(&kept).unwrap();
    assert!(cookie.starts_with("__Host-latchkey-form="), "{cookie}");
    for attribute in ["HttpOnly", "SameSite=Strict", "Secure", "Path=/", "Max-Age=3600"] {
        assert!(cookie.split("; ").any(|it| it == attribute), "{attribute}: {cookie}");
    }
    for fields in [&[("name", "x")][..], &[("reader", "junk"), ("name", "x")], &[("reader", reader.as_str())]] {
        let answer = post(&own, fields);
        assert_eq!((answer.header("location"), form_cookie(&answer)), ("/login?next=%2Faccount", None), "{fields:?}");
    }
    let delete =
        server.browser().post("/w/acme/settings/members/tokens/revoke", &[("reader", &reader), ("tokens", "x")]);
    assert_eq!((delete.status, form_cookie(&delete)), (303, None));
}

#[db_test]
fn the_sign_in_page_says_that_a_long_text_is_lost() {
    let server = TestServer::start();
    let reader = server.uuid_of("alice");
    for length in [2000, 40_000] {
        let browser = server.browser();
        let lost = browser.post("/account/name", &[("reader", &reader), ("name", &"x".repeat(length))]);
        assert_eq!((lost.status, form_cookie(&lost)), (303, None), "{length}");
        let login = browser.get(lost.header("location"));
        assert!(login.text().contains("What you typed was too long to keep."), "{length}: {}", login.body);
        assert_eq!(login.hidden("next"), "/account");
    }
}
