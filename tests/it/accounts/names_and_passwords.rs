//! Names, addresses and passwords in Unicode: several spellings of one text, invisible characters, look-alikes.

use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, Version};

use crate::support::api_client::Answer;
use crate::support::browser_client::Browser;
use crate::support::{PASSWORD, TestServer};

const TOKENS: &str = "/w/acme/settings/tokens";
const ALICE: &str = "alice@example.org";

fn error(answer: &Answer, field: &str) -> Option<String> {
    answer.page().find_text(&format!("#{field}-error"))
}

/// Gives a user an address as version 0.1.0 stored it: not normalized.
fn store_address(server: &TestServer, name: &str, email: &str) {
    server.db_execute(&format!(
        "UPDATE users SET email = '{email}', email_key = '{email}' WHERE email_key = '{name}@example.org'"
    ));
}

fn name_of(browser: &Browser) -> String {
    browser.get("/account").page().attribute("input#name", "value")
}

#[db_test]
fn an_account_is_found_however_its_address_is_composed() {
    for stored in ["jos\u{E9}@example.org", "jose\u{301}@example.org"] {
        let server = TestServer::start();
        store_address(&server, "bob", stored);
        for typed in
            ["jos\u{E9}@example.org", "jose\u{301}@example.org", "JOSE\u{301}@example.org", "JOS\u{C9}@example.org"]
        {
            let browser = server.browser();
            let answer = browser.sign_in(typed, PASSWORD);
            assert_eq!((answer.status, name_of(&browser).as_str()), (303, "Bob"), "{stored:?} {typed:?}");
        }
        let alice = server.signed_in("alice");
        assert!(alice.get("/w/acme/settings/members").body.contains(stored), "the stored spelling is shown");
        for taken in ["jos\u{E9}@example.org", "Jose\u{301}@example.org"] {
            let refused = alice.post("/account/email", &[("email", taken), ("password", PASSWORD)]);
            assert_eq!((refused.status, error(&refused, "email").is_some()), (422, true), "{taken:?}");
        }
        let bob = server.browser();
        bob.sign_in(stored, PASSWORD);
        let value = server.create_token(&bob, "acme", "Reporting");
        for typed in ["jos\u{E9}@example.org", "jose\u{301}@example.org"] {
            let credentials = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, format!("{typed}:{value}"));
            let call = server.api("GET", "/api/v2/workspace.json");
            assert_eq!(call.header("authorization", &format!("Basic {credentials}")).send().status, 200, "{typed:?}");
        }
    }
}

#[db_test]
fn of_two_old_accounts_the_one_with_the_typed_spelling_is_found() {
    let server = TestServer::start();
    store_address(&server, "alice", "jos\u{E9}@example.org");
    store_address(&server, "bob", "jose\u{301}@example.org");
    store_address(&server, "dave", "da\u{200B}ve@example.org");
    for (typed, name) in
        [("jos\u{E9}@example.org", "Alice"), ("jose\u{301}@example.org", "Bob"), ("da\u{200B}ve@example.org", "Dave")]
    {
        let browser = server.browser();
        assert_eq!(browser.sign_in(typed, PASSWORD).status, 303, "{typed:?}");
        assert_eq!(name_of(&browser), name);
    }
}

#[db_test]
fn composed_and_decomposed_spellings_are_one_token_name() {
    let server = TestServer::start();
    let (alice, bob) = (server.signed_in("alice"), server.signed_in("bob"));
    server.create_token(&alice, "acme", "Cafe\u{301}");
    assert!(alice.get(TOKENS).body.contains(">Caf\u{E9}<"));
    for taken in ["Caf\u{E9}", "CAFE\u{301}"] {
        assert_eq!(alice.create_token("acme", taken).status, 422, "{taken:?}");
    }

    let value = server.create_token(&bob, "acme", "Other");
    server.db_execute(
        "UPDATE tokens SET name = 'Cafe\u{301}\u{200B}', name_key = 'cafe\u{301}\u{200B}' WHERE name = 'Other'",
    );
    assert!(bob.get(TOKENS).body.contains("Cafe\u{301}\u{200B}"), "a name of version 0.1.0 stays readable");
    assert_eq!(server.api("GET", "/api/v2/token.json").bearer(&value).send().json()["name"], "Cafe\u{301}\u{200B}");
    assert_eq!(bob.create_token("acme", "Caf\u{E9}").status, 422);
}

#[db_test]
fn invisible_characters_and_look_alikes_are_rejected_in_every_form() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let invite = server.invite(&alice, "editor");
    for invisible in ["\u{200B}", "\u{AD}", "\u{2060}", "\u{E0041}", "\u{3164}"] {
        let name = format!("Rep{invisible}orting");
        let answer = alice.create_token("acme", &name);
        assert!(error(&answer, "name").unwrap().starts_with("Remove invisible characters"), "{name:?}");
        let answer = alice.post("/account/name", &[("name", &name)]);
        assert_eq!((answer.status, error(&answer, "name").is_some()), (422, true), "{name:?}");
    }
    for email in [
        "ki\u{200B}m@example.org",
        "k\u{AD}im@example.org",
        "k\u{456}m@example.org",
        "kim@ex\u{430}mple.org",
        "\u{FF4B}im@example.org",
    ] {
        let fields = [("name", "Kim"), ("email", email), ("password", "seven blue kettles")];
        let answer = server.browser().post(&invite, &fields);
        assert_eq!((answer.status, error(&answer, "email").is_some()), (422, true), "{email:?}");
        let answer = alice.post("/account/email", &[("email", email), ("password", PASSWORD)]);
        assert_eq!((answer.status, error(&answer, "email").is_some()), (422, true), "{email:?}");
    }
    assert_eq!(
        alice.create_token("acme", "\u{1F469}\u{200D}\u{1F4BB} \u{2764}\u{FE0F}").status,
        201,
        "emoji are visible"
    );
}

#[db_test]
fn a_password_works_however_it_is_composed() {
    const COMPOSED: &str = "caf\u{E9} au lait sucr\u{E9}";
    const DECOMPOSED: &str = "cafe\u{301} au lait sucre\u{301}";
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let fields = [("present_password", PASSWORD), ("new_password", DECOMPOSED)];
    assert_eq!(alice.post("/account/password", &fields).status, 303);
    for typed in [COMPOSED, DECOMPOSED] {
        assert_eq!(server.browser().sign_in(ALICE, typed).status, 303, "{typed:?}");
    }
    let answer =
        alice.post("/account/password", &[("present_password", COMPOSED), ("new_password", "seven\0blue kettles")]);
    assert_ne!(answer.status, 303, "NUL");
}

/// Stores a hash as another version with other parameters did.
fn store_hash(server: &TestServer, algorithm: Algorithm, password: &str) {
    let argon2 = Argon2::new(algorithm, Version::V0x13, Params::new(8, 1, 1, None).unwrap());
    let hash = argon2.hash_password_with_salt(password.as_bytes(), b"a salt of sixteen").unwrap().to_string();
    server.db_execute(&format!("UPDATE users SET password_hash = '{hash}' WHERE email_key = '{ALICE}'"));
}

fn hash(server: &TestServer) -> String {
    server.rows(&format!("SELECT password_hash AS text FROM users WHERE email_key = '{ALICE}'")).remove(0)
}

#[db_test]
fn an_outdated_hash_is_replaced_at_the_next_login() {
    let server = TestServer::start();
    let elsewhere = server.signed_in("alice");
    store_hash(&server, Algorithm::Argon2i, PASSWORD);
    let outdated = hash(&server);
    assert_eq!(server.browser().sign_in(ALICE, "not the password").status, 422);
    assert_eq!(hash(&server), outdated, "a failed login replaces nothing");

    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let logins: Vec<_> = (0..4).map(|_| scope.spawn(|| server.browser().sign_in(ALICE, PASSWORD).status)).collect();
        logins.into_iter().map(|login| login.join().unwrap()).collect()
    });
    assert_eq!(statuses, [303; 4], "concurrent logins do not disturb each other");
    let replaced = hash(&server);
    assert!(replaced.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{replaced}");
    assert_eq!(elsewhere.get("/account").status, 200, "the password is the same, so the sessions are");
    assert_eq!(server.browser().sign_in(ALICE, PASSWORD).status, 303);
    assert_eq!(hash(&server), replaced, "it is replaced once");
}

#[db_test]
fn a_password_hashed_as_typed_still_works_and_is_hashed_again() {
    const TYPED: &str = "cafe\u{301} au lait sucre\u{301}";
    let server = TestServer::start();
    store_hash(&server, Algorithm::Argon2id, TYPED);
    assert_eq!(server.browser().sign_in(ALICE, TYPED).status, 303);
    assert_eq!(server.browser().sign_in(ALICE, "caf\u{E9} au lait sucr\u{E9}").status, 303, "now normalized");
}

#[db_test]
fn a_new_password_does_not_contain_the_name_of_the_product_the_workspace_or_the_user() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let (invite, reset) = (server.invite(&alice, "editor"), server.reset_link("bob"));
    for (password, name) in
        [("we all love Latchkey", "Latchkey"), ("a-c-m-e is our home", "Acme"), ("LATCHKEY2026!!", "Latchkey")]
    {
        let message = Some(format!("Choose a password that doesn’t contain “{name}”."));
        let changed = alice.post("/account/password", &[("present_password", PASSWORD), ("new_password", password)]);
        assert_eq!((changed.status, error(&changed, "new_password")), (422, message.clone()), "{password}");
        let fields = [("name", "Kim"), ("email", "kim@example.org"), ("password", password)];
        let joined = server.browser().post(&invite, &fields);
        assert_eq!((joined.status, error(&joined, "password")), (422, message.clone()), "{password}");
        let set = server.browser().post(&reset, &[("password", password)]);
        assert_eq!((set.status, error(&set, "password")), (422, message), "{password}");
    }
    let own = alice.post("/account/password", &[("present_password", PASSWORD), ("new_password", "alice in her land")]);
    assert_eq!(own.status, 422, "the user's name");
    assert_eq!(server.browser().post(&reset, &[("password", "seven blue kettles")]).status, 303);
}
