//! Rotation with overlap: the old value works until its grace period ends.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::TestServer;
use crate::support::api_client::Answer;
use crate::support::browser_client::Browser;
use crate::support::database::is_postgres;
use crate::support::wait::{SetOnDrop, wait_until};

const LIST: &str = "/w/acme/settings/tokens";
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// Opens the form that rotates a token and sends it.
fn rotate(browser: &Browser, name: &str, more: &[(&str, &str)]) -> Answer {
    let path = browser.delete_path("acme", name).replace("/delete", "/rotate");
    let form = browser.get(&path);
    let key = form.hidden("form_key");
    let mut fields = vec![("form_key", key.as_str())];
    fields.extend_from_slice(more);
    browser.post(&path, &fields)
}

fn list(browser: &Browser) -> String {
    browser.get(LIST).text()
}

#[db_test]
fn the_old_value_works_until_its_grace_period_ends() {
    for (grace, lasts) in [("1h", HOUR), ("24h", DAY), ("7d", 7 * DAY), ("30d", 30 * DAY)] {
        let server = TestServer::start();
        let alice = server.signed_in("alice");
        let old = server.create_token(&alice, "acme", "Reporting");
        let answer = rotate(&alice, "Reporting", &[("grace", grace)]);
        assert_eq!((answer.status, answer.header("cache-control")), (201, "no-store"), "{}", answer.text());
        let new = answer.value();
        assert_ne!(old, new);
        let steps = "Done: Save the new value First call with the new value Waiting for the first call · old value never used \
                     Stop the old value rpat…";
        assert!(list(&alice).contains(steps), "{}", list(&alice));
        assert!(list(&alice).contains("1 of 3 tokens"), "a rotating token is one token");

        server.clock.advance(lasts - Duration::from_micros(1));
        assert_eq!((server.call(&old).status, server.call(&new).status), (200, 200), "{grace}");
        server.clock.advance(Duration::from_micros(1));
        let refused = server.call(&old);
        assert_eq!((refused.status, server.call(&new).status), (401, 200), "{grace}");
        assert!(refused.header("www-authenticate").contains("The value was stopped on 2026-1"), "{refused:?}");
    }
}

#[db_test]
fn a_row_speaks_of_the_current_value() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let old = server.create_token(&alice, "acme", "Reporting");
    server.call(&old);
    server.flush();
    let used = "Last used 23 Nov 2026, 12:00 UTC from 127.0.0.1";
    assert!(list(&alice).contains(used), "{}", list(&alice));

    server.clock.advance(HOUR);
    let unused = "Not used yet · old value last used 23 Nov 2026, 12:00 UTC from 127.0.0.1";
    let path = alice.delete_path("acme", "Reporting");
    for change in ["rotate", "stop", "expose"] {
        match change {
            "rotate" => assert_eq!(rotate(&alice, "Reporting", &[("grace", "24h")]).status, 201),
            "stop" => assert_eq!(alice.post(&path.replace("/delete", "/retire"), &[]).status, 303),
            _ => assert_eq!(rotate(&alice, "Reporting", &[("grace", "none"), ("cause", "exposed")]).status, 201),
        }
        for page in [LIST, "/w/acme"] {
            let text = alice.get(page).text();
            assert!(text.contains(unused) && !text.contains("Last used"), "{change}, {page}: {text}");
        }
        let all = alice.get("/w/acme/settings/members/tokens").text();
        assert!(all.contains("23 Nov 2026, 12:00 UTC (old value)"), "{change}: {all}");
        let question = alice.get(&path).text();
        let said = "It has not been used yet. The old value was last used 23 Nov 2026, 12:00 UTC from 127.0.0.1";
        assert!(question.contains(said), "{question}");
    }

    let new = rotate(&alice, "Reporting", &[("grace", "24h")]).value();
    server.call(&new);
    server.flush();
    assert!(list(&alice).contains("Last used 23 Nov 2026, 13:00 UTC"), "{}", list(&alice));
}

#[db_test]
fn a_rotation_without_grace_period_ends_every_earlier_value_immediately() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let first = server.create_token(&alice, "acme", "Reporting");
    let second = rotate(&alice, "Reporting", &[("grace", "7d")]).value();

    let offered = alice.get(&alice.delete_path("acme", "Reporting").replace("/delete", "/rotate")).body;
    assert_eq!(offered.matches(" disabled>").count(), 4, "only no grace can be chosen: {offered}");
    assert!(offered.contains("value=\"none\" checked>"), "{offered}");
    let refused = rotate(&alice, "Reporting", &[("grace", "24h")]);
    assert_eq!(refused.status, 409);
    assert!(
        refused.text().contains("already being rotated: its old value works until 30 Nov 2026, 12:00 UTC"),
        "{}",
        refused.text()
    );
    assert_eq!((server.call(&first).status, server.call(&second).status), (200, 200), "nothing changed");

    let third = rotate(&alice, "Reporting", &[("grace", "none")]).value();
    assert_eq!([&first, &second, &third].map(|value| server.call(value).status), [401, 401, 200]);
}

#[db_test]
fn a_token_at_the_limit_can_be_rotated() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    for name in ["One", "Two", "Three"] {
        server.create_token(&alice, "acme", name);
    }
    assert_eq!(rotate(&alice, "Two", &[("grace", "24h")]).status, 201);
    assert!(list(&alice).contains("3 of 3 tokens"));
    assert_eq!(alice.get("/w/acme/settings/tokens/new").status, 200);
}

#[db_test]
fn one_of_two_concurrent_rotations_succeeds() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    server.create_token(&alice, "acme", "Reporting");
    let path = alice.delete_path("acme", "Reporting").replace("/delete", "/rotate");
    let keys: Vec<String> = (0..8).map(|_| alice.get(&path).hidden("form_key")).collect();
    let cookie = alice.cookie_header();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let post = |key: &str| {
            let browser = server.browser();
            let (name, value) = cookie.split_once('=').unwrap();
            browser.set_cookie(name, value);
            browser.post(&path, &[("form_key", key), ("grace", "24h")]).status
        };
        let threads: Vec<_> = keys.iter().map(|key| scope.spawn(move || post(key))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 7, "{statuses:?}");
}

#[db_test]
fn a_resent_rotation_creates_no_second_value_and_offers_a_new_one() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    server.create_token(&alice, "acme", "Reporting");
    let path = alice.delete_path("acme", "Reporting").replace("/delete", "/rotate");
    let key = alice.get(&path).hidden("form_key");
    let new = alice.post(&path, &[("form_key", &key), ("grace", "24h")]).value();
    let again = alice.post(&path, &[("form_key", &key), ("grace", "24h")]);
    assert_eq!(again.status, 409);
    assert!(again.text().contains("This token has already been rotated"), "{}", again.text());
    assert_eq!(server.call(&new).status, 200);

    let offered = alice.post(&path, &[("form_key", &again.hidden("form_key")), ("grace", "none")]);
    assert_eq!((offered.status, server.call(&new).status, server.call(offered.value()).status), (201, 401, 200));
}

/// Presses the button that replaces a value whose response was lost.
fn retry(browser: &Browser, warning: &Answer) -> Answer {
    let path = warning.page().attribute("[role=alert] form", "action");
    let fields = ["form_key", "grace", "replaced"].map(|name| (name, warning.hidden(name)));
    browser.post(&path, &fields.each_ref().map(|(name, value)| (*name, value.as_str())))
}

#[db_test]
fn a_lost_response_to_a_rotation_is_repeated_without_ending_the_old_value() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let old = server.create_token(&alice, "acme", "Reporting");
    let path = alice.delete_path("acme", "Reporting").replace("/delete", "/rotate");
    let key = alice.get(&path).hidden("form_key");
    let lost = alice.post(&path, &[("form_key", &key), ("grace", "24h")]).value();
    server.clock.advance(HOUR);
    let warning = alice.post(&path, &[("form_key", &key), ("grace", "24h")]);
    let consequence = format!(
        "Replacing it stops the value rpat…{} immediately. That value has never been used. \
         The old value keeps working until 24 Nov 2026, 12:00 UTC.",
        &lost[42..]
    );
    assert!(warning.text().contains(&consequence), "{}", warning.text());

    let seen = retry(&alice, &warning);
    assert_eq!(seen.status, 201, "{}", seen.text());
    assert!(seen.text().contains("The old value keeps working until 24 Nov 2026, 12:00 UTC."), "{}", seen.text());
    let new = seen.value();
    assert_eq!([&old, &lost, &new].map(|value| server.call(value).status), [200, 401, 200]);
    let activity = alice.get("/w/acme/settings/activity").text();
    assert!(
        activity.contains("replaced the new value of token Reporting and kept the old value until 24 Nov"),
        "{activity}"
    );
    server.clock.advance(23 * HOUR);
    assert_eq!([&old, &new].map(|value| server.call(value).status), [401, 200], "the grace period is not longer");

    server.flush();
    let warning = alice.post(&path, &[("form_key", &key), ("grace", "24h")]);
    assert!(warning.text().contains("That value was last used on 24 Nov 2026, 12:00 UTC."), "{}", warning.text());
    let newest = retry(&alice, &warning).value();
    assert_eq!([&new, &newest].map(|value| server.call(value).status), [401, 200]);
}

#[db_test]
fn a_page_does_not_offer_a_value_that_was_already_replaced() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    server.create_token(&alice, "acme", "Reporting");
    let path = alice.delete_path("acme", "Reporting").replace("/delete", "/rotate");
    let keys: Vec<String> = (0..16).map(|_| alice.get(&path).hidden("form_key")).collect();
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let post = |key| {
            let (browser, path) = (alice.clone(), &path);
            scope.spawn(move || browser.post(path, &[("form_key", key), ("grace", "none")]))
        };
        let threads: Vec<_> = keys.iter().map(|key| post(key.as_str())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut current = 0;
    for answer in &answers {
        if answer.status == 409 {
            assert!(answer.text().contains("This value has already been replaced"), "{}", answer.text());
            assert!(!answer.body.contains("data-secret") && !answer.text().contains("Token rotated"));
            continue;
        }
        // Values that were replaced after their page was made: the page asks by this address.
        assert_eq!(answer.status, 201, "{}", answer.text());
        let status = alice.get(&answer.page().attribute("[data-first-call]", "data-first-call")).json();
        let works = server.call(answer.value()).status == 200;
        assert_eq!(status["current"], works, "{status}");
        current += usize::from(works);
    }
    assert_eq!(current, 1);
}

#[db_test]
fn a_new_value_that_is_no_longer_the_current_one_is_not_shown() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    server.create_token(&alice, "acme", "Reporting");
    // After the rotation the token has another current value, as if another request had replaced it already.
    let replace = "UPDATE token_values SET hint = 'zzzz'";
    let trigger = "CREATE TRIGGER replace_value AFTER INSERT ON events FOR EACH ROW";
    if is_postgres() {
        server.db_alter(&format!(
            "CREATE FUNCTION replace_value() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN {}; RETURN NULL; END'",
            replace.replace('\'', "''")
        ));
        server.db_alter(&format!("{trigger} EXECUTE FUNCTION replace_value()"));
    } else {
        server.db_alter(&format!("{trigger} BEGIN {replace}; END"));
    }
    let answer = rotate(&alice, "Reporting", &[("grace", "none")]);
    assert_eq!(answer.status, 409, "{}", answer.text());
    assert!(answer.text().contains("This value has already been replaced"), "{}", answer.text());
    assert!(!answer.body.contains("data-secret"), "{}", answer.body);
}

#[db_test]
fn a_resent_creation_offers_to_replace_a_value_that_was_not_seen() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let key = alice.get("/w/acme/settings/tokens/new").hidden("form_key");
    let lost = alice.post(LIST, &[("name", "Reporting"), ("form_key", &key)]).value();
    let again = alice.post(LIST, &[("name", "Reporting"), ("form_key", &key)]);
    assert_eq!(again.status, 409);
    assert!(again.text().contains("I didn’t save it. Replace the value"), "{}", again.text());
    let path = again.page().attribute("[role=alert] form", "action");
    let seen = alice.post(&path, &[("form_key", &again.hidden("form_key")), ("grace", "none")]);
    assert_eq!((server.call(&lost).status, server.call(seen.value()).status), (401, 200));
}

/// The steps of a rotation that a page shows: done or not, and whether a step's button is the primary one.
fn steps(answer: &Answer) -> Vec<String> {
    let page = answer.page();
    let primary = if page.has(".stages .primary") { vec!["primary".to_owned()] } else { Vec::new() };
    let done: Vec<_> = page
        .texts(".stages li")
        .into_iter()
        .map(|step| if step.starts_with("Done: ") { "done" } else { "open" }.to_owned())
        .collect();
    [done, primary].concat()
}

#[db_test]
fn the_steps_of_a_rotation_show_what_is_left() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let old = server.create_token(&alice, "acme", "Reporting");
    server.call(&old);
    server.flush();
    assert_eq!(steps(&alice.get(LIST)), Vec::<String>::new());
    let answer = rotate(&alice, "Reporting", &[("grace", "24h")]);
    assert_eq!(steps(&answer), ["open", "open", "open"]);
    assert!(answer.text().contains("Old value last used 23 Nov 2026, 12:00 UTC from 127.0.0.1"), "{}", answer.text());
    assert_eq!(steps(&alice.get(LIST)), ["done", "open", "open"]);
    assert!(list(&alice).contains("It stops by itself on 24 Nov 2026, 12:00 UTC"), "{}", list(&alice));

    let use_path = answer.page().attribute("[data-first-call]", "data-first-call");
    server.call(answer.value());
    server.flush();
    assert_eq!(steps(&alice.get(LIST)), ["done", "done", "open"], "the old value was used within the last hour");
    assert_eq!(alice.get(&use_path).json()["ready"], false);
    server.clock.advance(HOUR);
    assert_eq!(steps(&alice.get(LIST)), ["done", "done", "open", "primary"]);
    assert_eq!(alice.get(&use_path).json()["ready"], true);
    alice.post(&alice.delete_path("acme", "Reporting").replace("/delete", "/retire"), &[]);
    assert_eq!(steps(&alice.get(LIST)), Vec::<String>::new());

    // A value that was replaced without overlap: two steps are left.
    let exposed = rotate(&alice, "Reporting", &[("grace", "none"), ("cause", "exposed")]);
    assert_eq!(exposed.title(), "Exposed value replaced · Acme (Production) · Latchkey");
    assert_eq!(steps(&exposed), ["open", "open", "done"]);
    assert_eq!(steps(&alice.get(LIST)), ["done", "open", "done"]);
    server.call(exposed.value());
    server.flush();
    assert_eq!(steps(&alice.get(LIST)), Vec::<String>::new());
}

#[db_test]
fn ending_a_value_that_was_used_in_the_last_day_needs_confirmation() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    let path = alice.delete_path("acme", "Reporting").replace("/delete", "/rotate");
    let question = format!("a[href='{path}?cause=exposed'][data-dialog]");
    assert!(!alice.get(LIST).page().has(&question), "an unused value");
    server.call(&value);
    server.flush();
    server.clock.advance(DAY - Duration::from_secs(1));
    let alice = server.signed_in("alice");
    assert!(alice.get(LIST).page().has(&question));
    let page = alice.get(&format!("{path}?cause=exposed"));
    for text in [
        "Replace the exposed value of “Reporting”?",
        "The token was last used 23 Nov 2026, 12:00 UTC from 127.0.0.1",
        "Every value it has now stops working immediately.",
    ] {
        assert!(page.text().contains(text), "{text}: {}", page.text());
    }
    assert!(alice.get(&path).text().contains("that integration will fail until it has the new value"));

    // The old value was used before the rotation only.
    assert_eq!(rotate(&alice, "Reporting", &[("grace", "7d")]).status, 201);
    let retire = path.replace("/rotate", "/retire");
    let asks = |browser: &Browser| browser.get(LIST).page().has(&format!("a[href='{retire}'][data-dialog]"));
    assert!(asks(&alice));
    let said =
        "has not been used since the new one was created. It was last used 23 Nov 2026, 12:00 UTC from 127.0.0.1";
    assert!(alice.get(&retire).text().contains(said), "{}", alice.get(&retire).text());
    server.clock.advance(Duration::from_secs(1));
    assert!(!asks(&alice) && !alice.get(LIST).page().has(&question), "24 hours later");
    assert_eq!(server.call(&value).status, 200, "asking ends nothing");
    let replaced =
        alice.post(&path, &[("form_key", &page.hidden("form_key")), ("grace", "none"), ("cause", "exposed")]);
    assert_eq!((replaced.status, server.call(&value).status), (201, 401));
}

#[db_test]
fn retiring_the_old_value_needs_confirmation_only_if_it_was_used_since() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let old = server.create_token(&alice, "acme", "Reporting");
    server.clock.advance(HOUR);
    let new = rotate(&alice, "Reporting", &[("grace", "24h")]).value();
    let retire = alice.delete_path("acme", "Reporting").replace("/delete", "/retire");
    assert!(alice.get(LIST).body.contains(&format!("<form method=\"post\" action=\"{retire}\">")), "a plain button");

    server.clock.advance(HOUR);
    server.call(&old);
    server.flush();
    let list = alice.get(LIST);
    assert!(list.body.contains(&format!("href=\"{retire}\" data-dialog")), "{}", list.body);
    let asks = alice.get(&retire);
    assert!(
        asks.text().contains(
            "has been used since the new one was created, most recently 23 Nov 2026, 14:00 UTC from 127.0.0.1"
        ),
        "{}",
        asks.text()
    );
    assert_eq!(server.call(&old).status, 200, "asking stops nothing");

    let stopped = alice.post(&retire, &[]);
    assert_eq!((stopped.status, stopped.header("location")), (303, LIST));
    assert!(list_says(&alice, "Old value of token Reporting stopped."));
    assert_eq!((server.call(&old).status, server.call(&new).status), (401, 200));
    assert_eq!(alice.post(&retire, &[]).status, 303, "a second click is no error");
    assert_eq!(alice.get(&retire).status, 303, "there is nothing to ask any more");
}

fn list_says(browser: &Browser, text: &str) -> bool {
    list(browser).contains(text)
}

#[db_test]
fn a_client_that_changes_values_during_a_rotation_sees_no_failure() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let old = server.create_token(&alice, "acme", "Reporting");
    let (current, done, calls) = (Mutex::new(old.clone()), AtomicBool::new(false), AtomicUsize::new(0));
    let some_calls = || {
        let before = calls.load(Ordering::SeqCst);
        wait_until("the client has made five more calls", || calls.load(Ordering::SeqCst) >= before + 5);
    };
    let statuses = std::thread::scope(|scope| {
        let _done = SetOnDrop(&done);
        let client = scope.spawn(|| {
            let mut statuses = Vec::new();
            while !done.load(Ordering::SeqCst) {
                let value = current.lock().unwrap().clone();
                statuses.push(server.call(value).status);
                calls.fetch_add(1, Ordering::SeqCst);
            }
            statuses
        });
        some_calls();
        let new = rotate(&alice, "Reporting", &[("grace", "24h")]).value();
        some_calls();
        *current.lock().unwrap() = new;
        // The first of them may still have the old value.
        some_calls();
        alice.post(&alice.delete_path("acme", "Reporting").replace("/delete", "/retire"), &[]);
        assert_eq!(server.call(&old).status, 401, "the old value fails on the next call");
        some_calls();
        done.store(true, Ordering::SeqCst);
        client.join().unwrap()
    });
    assert!(statuses.len() > 10, "{statuses:?}");
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
}

#[db_test]
fn an_exposed_token_gets_a_new_value_in_one_step() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let leaked = server.create_token(&alice, "acme", "Reporting");
    let list = alice.get(LIST);
    let path = alice.delete_path("acme", "Reporting").replace("/delete", "/rotate");
    assert!(list.text().contains("Replace the exposed value of “Reporting”"));
    let answer = alice.post(&path, &[("form_key", &list.hidden("form_key")), ("grace", "none"), ("cause", "exposed")]);
    assert_eq!((answer.status, server.call(&leaked).status, server.call(answer.value()).status), (201, 401, 200));
    assert_eq!(server.rows("SELECT end_reason AS text FROM token_values WHERE end_reason IS NOT NULL"), ["exposed"]);
    assert_eq!(
        server.rows(
            "SELECT token_name || coalesce(': ' || detail, '') AS text FROM events \
             WHERE kind = 'authn_token_created' ORDER BY id"
        ),
        ["Reporting", "Reporting: grace none, exposed"]
    );
}

#[db_test]
fn a_token_is_rotated_retired_and_renamed_by_its_owner_only() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    let path = alice.delete_path("acme", "Reporting");
    for name in ["bob", "charlie"] {
        let other = server.signed_in(name);
        for page in ["/rotate", "/retire", "", "/use.json"] {
            assert_eq!(other.get(&path.replace("/delete", page)).status, 404, "{name} {page}");
        }
        for (page, fields) in [
            ("/rotate", &[("form_key", "0123456789012345678901"), ("grace", "none")][..]),
            ("/retire", &[]),
            ("", &[("name", "Mine")]),
        ] {
            assert_eq!(other.post(&path.replace("/delete", page), fields).status, 404, "{name} {page}");
        }
    }
    assert_eq!(server.call(&value).status, 200);
    assert!(list(&alice).contains("Reporting"));
}

#[db_test]
fn a_token_is_renamed_in_place() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    server.create_token(&alice, "acme", "Partner");
    let path = alice.delete_path("acme", "Reporting").replace("/delete", "");
    assert_eq!(alice.post(&path, &[("name", "  Monthly reporting ")]).status, 303);
    assert!(list_says(&alice, "Token Reporting renamed to Monthly reporting."));
    assert_eq!(server.call(&value).status, 200, "no integration notices");
    assert_eq!(alice.post(&path, &[("name", "MONTHLY reporting")]).status, 303, "its own name in other letters");

    for (name, why) in [
        ("partner", "You already have a token with this name."),
        ("", "Enter a name."),
        ("a\u{202E}b", "text-direction"),
    ] {
        let refused = alice.post(&path, &[("name", name)]);
        assert_eq!(refused.status, 422, "{name:?}");
        assert!(refused.text().contains(why), "{}", refused.text());
    }
    assert!(list_says(&alice, "MONTHLY reporting"));
}

#[db_test]
fn an_invalid_rotation_changes_nothing() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    for fields in [
        &[("grace", "1y")][..],
        &[("grace", "")],
        &[],
        &[("grace", "none"), ("expiry", "junk")],
        &[("grace", "none"), ("expiry", "date"), ("expires_on", "2020-01-01")],
    ] {
        assert_eq!(rotate(&alice, "Reporting", fields).status, 422, "{fields:?}");
    }
    let path = alice.delete_path("acme", "Reporting").replace("/delete", "/rotate");
    assert_eq!(alice.post(&path, &[("grace", "none"), ("form_key", "short")]).status, 422);
    assert_eq!(server.call(&value).status, 200);
}
