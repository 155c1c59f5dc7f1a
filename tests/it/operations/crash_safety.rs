//! Concurrent creates, power cuts, and secrets on the disk.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Barrier, mpsc};
use std::time::Duration;

use crate::support::api_client::{Answer, Call};
use crate::support::browser_client::Browser;
use crate::support::database::{TestDatabase, is_postgres, rows};
use crate::support::process::Home;
use crate::support::{PASSWORD, TestServer};

const TOKENS: &str = "/w/acme/settings/tokens";

fn opens_the_api(address: SocketAddr, value: &str) -> bool {
    let answer = Call::new(address, "GET", "/api/v2/workspace.json").bearer(value).send();
    match answer.status {
        200 => true,
        401 => false,
        other => panic!("the API answers {other}: {}", answer.body),
    }
}

/// The tokens that a list shows: name and the page that deletes it.
fn listed(list: &Answer) -> BTreeMap<String, String> {
    let page = list.page();
    let selector = "a[aria-label^='Delete token ']";
    let labels = page.attributes(selector, "aria-label").into_iter();
    let names = labels.map(|label| label.trim_start_matches("Delete token ").to_owned());
    names.zip(page.attributes(selector, "href")).collect()
}

#[db_test]
fn fifty_concurrent_creates_make_three_tokens_and_47_rejections() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let forms: Vec<String> = (0..50).map(|_| alice.get(&format!("{TOKENS}/new")).hidden("form_key")).collect();
    let start = Arc::new(Barrier::new(forms.len()));
    let clicks: Vec<_> = forms
        .into_iter()
        .enumerate()
        .map(|(number, form_key)| {
            let (alice, start) = (alice.clone(), Arc::clone(&start));
            std::thread::spawn(move || {
                start.wait();
                alice.post(TOKENS, &[("name", &format!("Token {number}")), ("form_key", &form_key)])
            })
        })
        .collect();
    let answers: Vec<Answer> = clicks.into_iter().map(|click| click.join().unwrap()).collect();

    let mut values = Vec::new();
    for answer in &answers {
        match answer.status {
            201 => values.push(answer.value()),
            409 => assert_eq!(
                answer.between("role=\"alert\"><h2>", "</h2>"),
                Some("You can have a maximum of 3 tokens"),
                "{}",
                answer.body
            ),
            other => panic!("a create answered {other}: {}", answer.body),
        }
    }
    assert_eq!((values.len(), answers.len()), (3, 50));
    assert!(values.iter().all(|value| opens_the_api(server.address, value)));
    assert_eq!(listed(&alice.get(TOKENS)).len(), 3);
}

/// The tokens of a user according to the answers.
#[derive(Default)]
struct Knowledge {
    /// Created, and not deleted: names and values.
    live: BTreeMap<String, String>,
    /// The values of tokens whose deletion was answered.
    gone: Vec<String>,
    /// What was asked and not answered.
    asked: Option<Asked>,
    /// What was asked to be created and never answered: it may be there, with a value that nobody knows.
    unsure: BTreeSet<String>,
    made: u32,
}

enum Asked {
    Create(String),
    Delete(String),
}

/// Creates tokens until there are three, deletes one, and so on, until the server is gone.
fn work(browser: &Browser, known: &mut Knowledge) -> Result<(), ureq::Error> {
    loop {
        let tokens = listed(&browser.try_get(TOKENS)?);
        if tokens.len() < 3 {
            let form = browser.try_get(&format!("{TOKENS}/new"))?;
            known.made += 1;
            let name = format!("Token {}", known.made);
            known.asked = Some(Asked::Create(name.clone()));
            let made = browser.try_post(TOKENS, &[("name", &name), ("form_key", &form.hidden("form_key"))])?;
            assert_eq!(made.status, 201, "{}", made.body);
            known.live.insert(name, made.value());
        } else {
            let (name, path) = tokens.iter().nth(known.made as usize % 3).unwrap();
            known.asked = Some(Asked::Delete(name.clone()));
            let deleted = browser.try_post(path, &[])?;
            assert_eq!(deleted.status, 303, "{}", deleted.body);
            // A create that was never answered left a token whose value nobody knows.
            known.gone.extend(known.live.remove(name));
            known.unsure.remove(name);
        }
        known.asked = None;
    }
}

/// Compares what was answered before the crash with what is so after it.
fn compare(browser: &Browser, address: SocketAddr, known: &mut Knowledge) {
    let list = browser.get(TOKENS);
    assert_eq!(list.status, 200, "the session is over: {}", list.body);
    let tokens = listed(&list);
    assert!(tokens.len() <= 3, "{tokens:?}");
    match known.asked.take() {
        // It happened or not, but the list and the API must agree.
        Some(Asked::Delete(name)) => {
            // One whose value nobody knows stays unsure.
            if let Some(value) = known.live.remove(&name) {
                assert_eq!(opens_the_api(address, &value), tokens.contains_key(&name), "{name} is half deleted");
                if tokens.contains_key(&name) {
                    known.live.insert(name, value);
                } else {
                    known.gone.push(value);
                }
            }
        }
        Some(Asked::Create(name)) => {
            known.unsure.insert(name);
        }
        None => {}
    }
    let made_up: Vec<_> =
        tokens.keys().filter(|name| !known.live.contains_key(*name) && !known.unsure.contains(*name)).collect();
    assert!(made_up.is_empty(), "nobody asked for these, or they were deleted: {made_up:?}");
    for (name, value) in &known.live {
        assert!(tokens.contains_key(name), "{name} was answered as created and is not listed: {tokens:?}");
        assert!(opens_the_api(address, value), "{name} was answered as created and does not open the API");
    }
    for value in known.gone.iter().rev().take(3) {
        assert!(!opens_the_api(address, value), "a token whose deletion was answered opens the API");
    }
}

/// Tokens without a value, without the event that tells of their making, or deleted without the event that tells of
/// it; more than three of a person; and what `SQLite` itself finds.
fn db_half_done(database: &TestDatabase) -> Vec<String> {
    let mut conn = database.connect();
    let mut half_done = rows(
        &mut conn,
        "SELECT 'no value: ' || name AS text FROM tokens
            WHERE NOT EXISTS (SELECT 1 FROM token_values WHERE token_id = tokens.id)
         UNION ALL SELECT 'events: ' || name FROM tokens
            WHERE (SELECT count(*) FROM events WHERE events.token = tokens.uuid)
                != CASE WHEN deleted_at IS NULL THEN 1 ELSE 2 END
         UNION ALL SELECT 'too many: ' || membership_id FROM tokens
            WHERE deleted_at IS NULL GROUP BY membership_id HAVING count(*) > 3",
    );
    if !is_postgres() {
        let check = "SELECT integrity_check AS text FROM pragma_integrity_check WHERE integrity_check != 'ok'";
        half_done.extend(rows(&mut conn, check));
    }
    half_done
}

#[db_test]
fn a_hundred_power_cuts_lose_no_acknowledged_write() {
    // The disk of a PostgreSQL server is its own to care for. Fewer cuts show that every answer waits for its commit.
    let cuts: u32 = if is_postgres() { 40 } else { 100 };
    // A server's answers take longer; about as much as this is to be asked between two cuts.
    let slower: u32 = if is_postgres() { 2 } else { 1 };
    let home = Home::new();
    home.add_acme(&["alice@example.org", "bob@example.org"], "editor");
    let mut server = home.serve_with(&[], "warn");
    let mut people: Vec<(Browser, Knowledge)> = ["alice@example.org", "bob@example.org"]
        .into_iter()
        .map(|email| {
            let browser = Browser::new(server.address);
            assert_eq!(browser.post("/login", &[("email", email), ("password", PASSWORD)]).status, 303);
            (browser, Knowledge::default())
        })
        .collect();
    let mut in_the_middle = 0;
    // Without enough work the cuts test nothing. On a slow machine it takes more of them.
    let is_enough = |people: &[(Browser, Knowledge)], in_the_middle: u32| {
        let all = people.iter().all(|(_, known)| {
            let gone = u32::try_from(known.gone.len()).unwrap();
            known.made > cuts / 5 && gone > cuts / 12
        });
        all && in_the_middle > cuts / 10
    };
    for cut in 0..10 * cuts {
        if cut >= cuts && is_enough(&people, in_the_middle) {
            break;
        }
        let (done, ended) = mpsc::channel::<()>();
        let workers: Vec<_> = people
            .drain(..)
            .map(|(browser, mut known)| {
                let done = done.clone();
                std::thread::spawn(move || {
                    let broken = work(&browser, &mut known);
                    drop(done);
                    assert!(broken.is_err());
                    (browser, known)
                })
            })
            .collect();
        drop(done);
        // Nothing is sent: this waits for the moment of the cut, or until every worker has failed.
        let waited = ended.recv_timeout(Duration::from_millis(u64::from(10 + cut * 37 % 90)) * slower);
        assert_eq!(waited, Err(mpsc::RecvTimeoutError::Timeout), "the work ended before the cut");
        server.kill();
        let worked: Vec<(Browser, Knowledge)> = workers.into_iter().map(|worker| worker.join().unwrap()).collect();

        server = home.serve_with(&[], "warn");
        for (browser, mut known) in worked {
            in_the_middle += u32::from(known.asked.is_some());
            let browser = browser.moved_to(server.address);
            compare(&browser, server.address, &mut known);
            people.push((browser, known));
        }
        assert_eq!(db_half_done(&home.database), Vec::<String>::new(), "after cut {cut}");
    }
    for (_, known) in &people {
        assert!(known.gone.iter().all(|value| !opens_the_api(server.address, value)));
    }
    let amounts: Vec<(u32, usize)> = people.iter().map(|(_, known)| (known.made, known.gone.len())).collect();
    assert!(is_enough(&people, in_the_middle), "made and gone: {amounts:?}, {in_the_middle} in the middle");
}

/// Where the disk holds these bytes: file names below `folder`.
fn found(folder: &Path, bytes: &str) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            names.extend(found(&path, bytes));
        } else if std::fs::read(&path).unwrap().windows(bytes.len()).any(|window| window == bytes.as_bytes()) {
            names.push(path.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    names
}

#[db_test]
fn no_secret_is_on_the_disk_or_in_the_log() {
    let home = Home::new();
    let server = home.serve_with(&[], "debug");
    let setup_url = server.setup_url();
    let code = setup_url.split("code=").nth(1).unwrap().to_owned();
    let browser = Browser::new(server.address);
    assert_eq!(browser.get(&format!("/setup?code={code}")).status, 200);
    let set_up = browser.post(
        "/setup",
        &[
            ("code", &code),
            ("name", "Alice"),
            ("email", "alice@example.org"),
            ("password", PASSWORD),
            ("workspace", "Acme"),
        ],
    );
    assert_eq!(set_up.status, 303, "{}", set_up.body);
    let browser = Browser::new(server.address);
    let sign_in = |password| browser.post("/login", &[("email", "alice@example.org"), ("password", password)]);
    assert_eq!(sign_in("this is not her password").status, 422);
    assert_eq!(sign_in(PASSWORD).status, 303);
    let made = browser.create_token("acme", "Reporting to headquarters");
    let value = made.value();

    let call = |scheme: &str, credentials: &str| {
        let call = Call::new(server.address, "GET", "/api/v2/workspace.json");
        call.header("Authorization", &format!("{scheme} {credentials}")).header("User-Agent", "headquarters/1").send()
    };
    let basic = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(format!("alice@example.org:{value}"))
    };
    for (scheme, credentials) in [("Bearer", &value), ("Token", &value), ("Basic", &basic)] {
        let answer = call(scheme, credentials);
        assert_eq!(answer.status, 200, "{scheme}: {}", answer.body);
    }
    assert_eq!(call("Bearer", &format!("{value}x")).status, 401);
    let in_the_query = Call::new(server.address, "GET", &format!("/api/v2/workspace.json?token={value}")).send();
    assert_eq!(in_the_query.status, 401);

    // An invitation and a reset, each opened and used, and each tried once more.
    let invitations = "/w/acme/settings/members/invitations";
    let form_key = browser.get(invitations).hidden("form_key");
    let invited = browser.post(invitations, &[("role", "editor"), ("form_key", &form_key)]);
    let invitation = invited.link().strip_prefix(&server.url("")).unwrap().to_owned();
    let reset = home.done(&["user", "reset-password", "--email", "alice@example.org"]);
    let reset = reset.trim().strip_prefix(&server.url("")).unwrap().to_owned();
    let kim = [("name", "Kim"), ("email", "kim@example.org"), ("password", "her very own password")];
    for (path, fields) in [(&invitation, &kim[..]), (&reset, &[("password", "his new and better password")])] {
        let somebody = Browser::new(server.address);
        assert_eq!(somebody.get(&format!("/login?next={}", path.replace('/', "%2F"))).status, 200);
        assert_eq!(somebody.get(path).status, 200, "{path}");
        assert_eq!(somebody.post(path, fields).status, 303, "{path}");
        assert_eq!(somebody.get(path).status, 404, "{path}");
        assert_eq!(somebody.send("PUT", &format!("{path}."), &[], &[], Vec::new()).status, 403, "{path}");
    }
    let [invitation, reset] = [invitation, reset].map(|path| path.rsplit('/').next().unwrap().to_owned());
    assert_eq!((invitation.len(), reset.len()), (32, 32));
    let browser = Browser::new(server.address);
    let again = [("email", "alice@example.org"), ("password", "his new and better password")];
    assert_eq!(browser.post("/login", &again).status, 303);

    // The cookie is a signature of 44 characters and the session's key.
    let cookie = browser.cookie_header();
    let cookie = cookie.strip_prefix("latchkey=").unwrap();
    let cookie = percent_encoding::percent_decode_str(cookie).decode_utf8().unwrap().into_owned();
    let session_key = &cookie[44..];
    assert!(session_key.len() >= 32, "{cookie}");
    let passwords = [PASSWORD, "this is not her password", "her very own password", "his new and better password"];
    let codes = [code.as_str(), &invitation, &reset];
    let secrets = [&passwords[..], &codes, &[&value, &value[4..40], &basic, &cookie, session_key]].concat();
    let found = |text: &str| {
        let mut places = found(&home.data(), text);
        if is_postgres() {
            places.extend(home.database.tables_with(text));
        }
        places
    };
    let is_clean = |said: &str| {
        let said = said.replace(&setup_url, "");
        for secret in &secrets {
            assert_eq!(found(secret), Vec::<String>::new(), "{secret} is kept");
            assert!(!said.contains(*secret), "{secret} is in the log: {said}");
        }
        // The search would find what is there.
        assert!(said.contains(" GET /api/v2/workspace.json 200 "), "{said}");
        assert!(said.contains(" POST /login "), "{said}");
        assert!(said.contains(" POST /invitations/… 303 ") && said.contains(" GET /reset/… 404 "), "{said}");
    };
    let holds = |name: &str, place: &str| found(name).iter().any(|it| it == place);
    let (now, at_rest) = if is_postgres() { ("tokens", "tokens") } else { ("latchkey.db-wal", "latchkey.db") };
    assert!(holds("Reporting to headquarters", now));
    is_clean(&server.said());

    let (status, said) = server.terminate();
    assert_eq!(status, 0, "{said}");
    assert!(holds("Reporting to headquarters", at_rest) || holds("Reporting to headquarters", now));
    assert!(!found("headquarters/1").is_empty(), "the last use was not written");
    is_clean(&said);
}
