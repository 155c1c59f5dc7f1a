//! The token pages: the limit, names, resent forms, and other members' tokens.

use crate::support::api_client::Answer;
use crate::support::browser_client::Browser;
use crate::support::{TABLES, TestServer};

const LIST: &str = "/w/acme/settings/tokens";
const NEW: &str = "/w/acme/settings/tokens/new";
const LIMIT: &str = "You can have a maximum of 3 tokens";

/// What the list says, from its meter to its last token.
fn list(browser: &Browser) -> String {
    browser.get(LIST).page().text_of("section[aria-label='Your tokens']")
}

fn form_key(browser: &Browser) -> String {
    browser.get(NEW).hidden("form_key")
}

fn send(browser: &Browser, name: &str, form_key: &str) -> Answer {
    browser.post(LIST, &[("name", name), ("form_key", form_key)])
}

/// What the form shows as the name, and what it says is wrong with it.
fn name_field(answer: &Answer) -> (String, Option<String>) {
    let page = answer.page();
    (page.attribute("input#name", "value"), page.find_text("#name-error"))
}

#[db_test]
fn the_token_list_counts_and_distinguishes_tokens() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    assert!(alice.get(LIST).text().contains("These are your personal tokens for accessing the API of Acme ."));
    let mut expected = vec!["3 of 3 tokens used.".to_owned()];
    for (nth, name) in ["Reporting", "Sync <2>", "é 📊"].into_iter().enumerate() {
        let pips = alice.get(LIST).body.matches("<i class=\"on\">").count();
        assert_eq!(pips, nth);
        let value = server.create_token(&alice, "acme", name);
        expected.push(format!(
            "{name} rpat…{} Never used · Created 23 Nov 2026 · No expiration Waiting for the first call \
             0 calls in 30 days Rotate",
            &value[42..]
        ));
        assert!(list(&alice).starts_with(&format!("{} of 3 tokens used.", nth + 1)));
    }
    assert_eq!(list(&alice), expected.join(" "));
    for page in [LIST, "/w/acme"] {
        let full = alice.get(page).page();
        assert!(!full.has(&format!("a[href='{NEW}']")), "no link that can't work");
        assert_eq!(full.text_of("button[aria-disabled=true][aria-describedby=limit]"), "Create token");
        assert_eq!(full.text_of("#limit"), "Delete a token to create another");
    }
    let bob = server.signed_in("bob");
    assert!(list(&bob).starts_with("0 of 3 tokens"), "to each their own");
    assert!(bob.get(LIST).body.contains(&format!("href=\"{NEW}\"")));
    assert!(alice.get("/w/acme-demo/settings/tokens").text().contains("0 of 3 tokens"), "in each workspace");
}

#[db_test]
fn a_link_may_suggest_a_name() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    for (query, typed) in [
        ("", ""),
        ("?name=Night%20sync", "Night sync"),
        ("?name=Night+sync", "Night sync"),
        ("?name=%22%3E%3Cscript%3E", "\"><script>"),
        ("?name=%20Reporting%20", "Reporting"),
        ("?name=a%00b", ""),
        ("?name=a%E2%80%AEb", ""),
        (&format!("?name={}", "x".repeat(65)), ""),
        ("?name=%FF%FE", ""),
        ("?name=a&name=b", ""),
        ("?other=x", ""),
    ] {
        let page = alice.get(&format!("{NEW}{query}"));
        let (shown, error) = name_field(&page);
        assert_eq!((page.status, error), (200, None), "{query}");
        if !query.contains("%FF") {
            assert_eq!(shown, typed, "{query}");
        }
    }
}

#[db_test]
fn a_fourth_token_is_rejected_by_the_form_and_by_the_server() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let kept_open = form_key(&alice);
    for name in ["A", "B", "C"] {
        server.create_token(&alice, "acme", name);
    }
    let new = alice.get(&format!("{NEW}?name=D"));
    assert_eq!(new.status, 200);
    assert!(
        new.text()
            .contains(&format!("{LIMIT} You already have 3 in this workspace. Delete one that you no longer need."))
    );
    let main = new.between("<main id=\"main\">", "</main>").unwrap();
    assert!(!main.contains("<form") && !main.contains("<input"), "{main}");
    for name in ["A", "B", "C"] {
        let delete = alice.delete_path("acme", name);
        let row = [new.page().link_labeled(&format!("Rotate token {name}")), delete.replace("/delete", "/rotate")];
        assert_eq!(row[0], row[1]);
        assert_eq!(new.page().link_labeled(&format!("Delete token {name}")), delete);
    }

    let before = (server.db_rows(&TABLES), list(&alice));
    let forced = send(&alice, "D", &kept_open);
    assert_eq!((forced.status, &*forced.title()), (409, "API Token · Acme (Production) · Latchkey"));
    let alert = forced.between("role=\"alert\">", "</section>").unwrap();
    assert!(alert.contains(&format!("<h2>{LIMIT}</h2>")) && alert.contains("“D” was not created"), "{alert}");
    assert!(forced.text().contains(&before.1), "and the list: {}", forced.text());
    assert!(!forced.body.contains("Token value"));
    assert_eq!((server.db_rows(&TABLES), list(&alice)), before);

    assert_eq!(send(&alice, "a", &kept_open).status, 409, "the limit counts before the name");
    alice.post(&alice.delete_path("acme", "B"), &[]);
    assert_eq!(send(&alice, "D", &kept_open).status, 201, "there is room again");
    assert!(list(&alice).starts_with("3 of 3"));
}

#[db_test]
fn concurrent_forms_create_at_most_three_tokens() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let keys: Vec<_> = (0..8).map(|_| form_key(&alice)).collect();
    let mut statuses: Vec<u16> = std::thread::scope(|scope| {
        let sent = keys.iter().enumerate().map(|(nth, key)| {
            let alice = alice.clone();
            scope.spawn(move || send(&alice, &format!("Token {nth}"), key).status)
        });
        let sent: Vec<_> = sent.collect();
        sent.into_iter().map(|sent| sent.join().unwrap()).collect()
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 201, 201, 409, 409, 409, 409, 409]);
    assert!(list(&alice).starts_with("3 of 3"));
}

#[db_test]
fn a_name_is_unique_in_any_case() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    server.create_token(&alice, "acme", "Réporting");
    let before = server.db_rows(&TABLES);
    let mut form = None;
    for name in ["Réporting", "réporting", " RÉPORTING "] {
        let answer = alice.create_token("acme", name);
        let taken = "You already have a token with this name. Use a different name for each integration.";
        assert_eq!((answer.status, name_field(&answer)), (422, (name.to_owned(), Some(taken.to_owned()))));
        form = Some(answer.hidden("form_key"));
    }
    assert_eq!(server.db_rows(&TABLES), before);
    assert_eq!(send(&alice, "Another", &form.unwrap()).status, 201, "the form that came back works");
    server.create_token(&alice, "acme-demo", "Réporting");
    server.create_token(&server.signed_in("bob"), "acme", "Réporting");
    alice.post(&alice.delete_path("acme", "Réporting"), &[]);
    server.create_token(&alice, "acme", "réporting");
}

#[db_test]
fn a_resent_form_creates_no_second_token() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let key = form_key(&alice);
    let value = send(&alice, "Reporting", &key).value();
    for name in ["Reporting", "Another"] {
        let again = send(&alice, name, &key);
        assert_eq!(again.status, 409);
        assert!(
            again.text().contains(
                "This token already exists This form had already created “Reporting”. Its value was shown once"
            ),
            "{}",
            again.text()
        );
        assert!(!again.body.contains(&value) && !again.body.contains("Token value"), "shown once");
        assert!(list(&alice).starts_with("1 of 3"));
    }
    assert_eq!(server.call(&value).status, 200);
    let bobs = send(&server.signed_in("bob"), "Mine", &key);
    assert_eq!(
        (bobs.status, name_field(&bobs)),
        (
            422,
            (
                "Mine".to_owned(),
                Some("This form has already been used. Check the name and submit it again.".to_owned())
            )
        )
    );
    assert_ne!(bobs.hidden("form_key"), key, "the form that comes back works");

    let (key, mut statuses) = (form_key(&alice), Vec::new());
    std::thread::scope(|scope| {
        let clicks: Vec<_> = (0..2)
            .map(|_| {
                let (alice, key) = (alice.clone(), &key);
                scope.spawn(move || send(&alice, "Double click", key).status)
            })
            .collect();
        statuses.extend(clicks.into_iter().map(|click| click.join().unwrap()));
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    assert!(list(&alice).starts_with("2 of 3"));
}

#[db_test]
fn a_deletion_needs_confirmation_and_says_what_is_lost() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting & more");
    let path = alice.delete_path("acme", "Reporting & more");
    let page = alice.get(&path);
    assert_eq!((page.status, &*page.title()), (200, "Delete token Reporting & more · Acme (Production) · Latchkey"));
    let text = page.text();
    let with_value = format!("with the value rpat…{} . It has never been used.", &value[42..]);
    for line in [
        "Delete token “Reporting & more”?",
        "In Acme Production ,",
        &with_value,
        "Anything still using it will start failing immediately with an authentication error. This can’t be undone.",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(page.body.contains(&format!("<form method=\"post\" action=\"{path}\">")));
    assert!(page.body.contains(&format!("<a class=\"button\" href=\"{LIST}\" autofocus>Cancel</a>")));
    assert_eq!(server.call(&value).status, 200, "asking deletes nothing");
    let dialog = alice.get(LIST);
    assert!(dialog.body.contains(&format!("<form method=\"post\" action=\"{path}\">")), "the dialog asks the same");
}

#[db_test]
fn a_token_deleted_twice_is_deleted_once() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    let path = alice.delete_path("acme", "Reporting");
    for said in ["Token Reporting deleted.", "Token Reporting had already been deleted."] {
        let answer = alice.post(&path, &[]);
        assert_eq!((answer.status, answer.header("location")), (303, LIST));
        assert!(alice.get(LIST).text().contains(said), "{said}");
    }
    assert_eq!(alice.get(&path).status, 404, "nothing to ask any more");
    assert_eq!(server.call(&value).status, 401);
    assert_eq!(
        server.db_rows(&["events"]).matches("'authn_token_delete'").count(),
        1,
        "{}",
        server.db_rows(&["events"])
    );
}

#[db_test]
fn a_token_is_deleted_by_its_owner_only() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    let path = alice.delete_path("acme", "Reporting");
    let before = server.db_rows(&["tokens", "token_values"]);
    for (name, status) in [("bob", 404), ("charlie", 404), ("dave", 403)] {
        assert_eq!(server.signed_in(name).post(&path, &[]).status, status, "{name}");
    }
    assert_eq!(server.browser().post(&path, &[]).status, 303);
    assert_eq!(alice.post(&path.replace("acme", "acme-demo"), &[]).status, 404, "not by another workspace’s door");
    assert_eq!(server.db_rows(&["tokens", "token_values"]), before);
    assert_eq!(server.call(&value).status, 200);
}
