//! What pages say during a rotation: the steps that are left, the use of each value, and the questions before one ends.

use std::time::Duration;

use super::rotate::{LIST, list, list_says, rotate};
use crate::support::TestServer;
use crate::support::api_client::Answer;
use crate::support::browser_client::Browser;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

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
