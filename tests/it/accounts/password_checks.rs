//! Password checks: which requests need one, and changes that are committed while one waits in the queue.

use latchkey::accounts::access::set_password;
use latchkey::accounts::model::{CredentialsGeneration, PasswordHash};
use latchkey::accounts::password::NewPassword;
use latchkey::accounts::password_hasher::PasswordHasher;
use latchkey::accounts::profile::{self, ChangeError};
use latchkey::accounts::session::CurrentSession;
use latchkey::accounts::store::user_by_email;
use latchkey::audit::actor::Actor;
use latchkey::base::client_info::ClientInfo;
use latchkey::base::id::PublicId;
use latchkey::base::random;
use latchkey::db::DbError;

use crate::support::api_client::Answer;
use crate::support::browser_client::Browser;
use crate::support::wait::wait_until;
use crate::support::{PASSWORD, TABLES, TestServer};

const ALICE: &str = "alice@example.org";
const NEW: &str = "a wholly different one";
const OTHER: &str = "yet another password";

fn hash(password: &str) -> PasswordHash {
    let password = NewPassword::parse(password, None, &[]).unwrap();
    PasswordHasher::insecure_for_tests().hash_blocking(&password, &mut random::os_rng()).unwrap()
}

/// Sets Alice's password as the command line does.
fn set_alices_password(server: &TestServer, password: &str) {
    let changed = set_password(&server.db, &ALICE.parse().unwrap(), &hash(password), server.now());
    assert!(changed.unwrap().is_some());
}

fn count(server: &TestServer, rows: &str) -> String {
    server.rows(&format!("SELECT CAST(count(*) AS TEXT) AS text FROM {rows}")).remove(0)
}

/// Sends a request, runs `change` while the request's password check waits in the queue, and returns the answer.
fn during_the_check(
    server: &TestServer,
    request: impl FnOnce() -> Answer + Send,
    change: impl FnOnce(&TestServer),
) -> Answer {
    assert_eq!(count(server, "sign_in_attempts"), "0");
    std::thread::scope(|scope| {
        let permits = server.hold_password_checks();
        let answer = scope.spawn(request);
        // The row is committed before the check, with the user's hash in memory.
        wait_until("the attempt is recorded", || count(server, "sign_in_attempts") == "1");
        change(server);
        drop(permits);
        answer.join().unwrap()
    })
}

#[db_test]
fn every_sign_in_needs_a_password_check_and_a_full_queue_is_no_failed_attempt() {
    let server = TestServer::start();
    server.set_active("dave", false);
    let alice = server.signed_in("alice");
    let before = server.db_rows(&TABLES);
    // As many for one account as are allowed to fail, and one of each other kind.
    let mut credentials = vec![(ALICE, "not the password"); 9];
    credentials.extend([
        (ALICE, PASSWORD),
        ("nobody@example.org", PASSWORD),
        ("no address", PASSWORD),
        ("", ""),
        ("dave@example.org", PASSWORD),
    ]);
    let permits = server.hold_password_checks();
    std::thread::scope(|scope| {
        let sign_ins: Vec<_> = credentials
            .iter()
            .map(|(email, password)| {
                let browser = server.browser();
                scope.spawn(move || (email, browser.sign_in(email, password)))
            })
            .collect();
        for sign_in in sign_ins {
            let (email, answer) = sign_in.join().unwrap();
            assert_eq!((answer.status, answer.header("retry-after")), (503, "1"), "{email}: {}", answer.text());
            assert!(answer.text().contains("Too many people are signing in right now."), "{}", answer.text());
        }
    });
    assert_eq!(server.db_rows(&TABLES), before, "neither an attempt nor an event");
    let fields = [("present_password", PASSWORD), ("new_password", NEW)];
    assert_eq!(alice.post("/account/password", &fields).status, 503);
    assert_eq!(server.db_rows(&TABLES), before);
    drop(permits);
    assert_eq!(server.browser().sign_in(ALICE, PASSWORD).status, 303);
}

#[db_test]
fn a_sign_in_fails_if_the_password_changes_or_the_user_is_deactivated_during_its_check() {
    type Change = fn(&TestServer);
    let changes: [(&str, Change); 2] = [
        ("another password", |server| set_alices_password(server, NEW)),
        ("deactivation", |server| server.set_active("alice", false)),
    ];
    for (what, change) in changes {
        let server = TestServer::start();
        let browser = server.browser();
        let answer = during_the_check(&server, move || browser.sign_in(ALICE, PASSWORD), change);
        assert_eq!((answer.status, answer.header("set-cookie")), (422, ""), "{what}: {}", answer.text());
        assert_eq!(count(&server, "sessions"), "0", "{what}");
        assert_eq!(count(&server, "events WHERE action = 'signed_in'"), "0", "{what}");
        assert_eq!(count(&server, "sign_in_attempts"), "1", "{what}: it counts as a failure");
    }
}

#[db_test]
fn an_account_change_fails_if_the_password_changes_or_the_user_is_deactivated_during_its_check() {
    type Change = fn(&TestServer);
    type Submit = fn(&Browser) -> Answer;
    let changes: [(&str, Change); 2] = [
        ("another password", |server| set_alices_password(server, OTHER)),
        ("deactivation", |server| server.set_active("alice", false)),
    ];
    let forms: [(&str, Submit); 2] = [
        ("password", |alice| alice.post("/account/password", &[("present_password", PASSWORD), ("new_password", NEW)])),
        ("address", |alice| alice.post("/account/email", &[("password", PASSWORD), ("email", "new@example.org")])),
    ];
    for (what, change) in changes {
        for (form, send) in forms {
            let server = TestServer::start();
            let alice = server.signed_in("alice");
            let mut users = String::new();
            let browser = alice.clone();
            let answer = during_the_check(
                &server,
                move || send(&browser),
                |server| {
                    change(server);
                    users = server.db_rows(&["users"]);
                },
            );
            assert_eq!(answer.status, 422, "{form}, {what}: {}", answer.text());
            assert!(answer.text().contains("This is not your current password."), "{form}, {what}: {}", answer.text());
            assert_eq!(server.db_rows(&["users"]), users, "{form}, {what}");
            assert_eq!(alice.get("/account").status, 303, "{form}, {what}: the session is over");
        }
    }
}

/// A password change hashes the new password after the check, so the present one may change in between.
#[db_test]
fn an_account_change_with_an_outdated_password_hash_is_stale() {
    let server = TestServer::start();
    let (user, outdated) =
        server.db.read_blocking(|conn| user_by_email(conn, &ALICE.parse().unwrap())).unwrap().unwrap();
    let client = ClientInfo { ip: std::net::Ipv4Addr::LOCALHOST.into(), agent: None };
    let actor = Actor::user(user.uuid, ALICE, client, server.now());
    let id = PublicId::new(server.now(), &mut random::os_rng());
    let session = CurrentSession { id, generation: CredentialsGeneration::FIRST };
    let assert_stale = |what: &str, confirmed: &PasswordHash| {
        let before = server.db_rows(&TABLES);
        let password = server
            .db
            .write_blocking(|conn| profile::change_password(conn, &user, &actor, confirmed, &hash(NEW), &session))
            .map(|_| ());
        let email = server.db.write_blocking(|conn| {
            profile::change_email(conn, &user, &actor, confirmed, &"new@example.org".parse().unwrap())
        });
        for result in [password, email] {
            assert!(matches!(result, Err(ChangeError::Stale)), "{what}: {result:?}");
        }
        assert_eq!(server.db_rows(&TABLES), before, "{what}");
    };
    set_alices_password(&server, OTHER);
    assert_stale("another password", &outdated);
    let (_, present) = server
        .db
        .read_blocking(|conn| user_by_email(conn, &ALICE.parse().unwrap()))
        .map_err(|error: DbError| error)
        .unwrap()
        .unwrap();
    server.set_active("alice", false);
    assert_stale("deactivation", &present);
}

#[db_test]
fn a_session_that_ends_while_a_form_is_processed_stays_ended() {
    let server = TestServer::start();
    let (slow, other) = (server.signed_in("alice"), server.signed_in("alice"));
    let browser = slow.clone();
    let send = move || {
        let answer = browser.post("/account/email", &[("password", PASSWORD), ("email", "new@example.org")]);
        assert_eq!(browser.get("/account").status, 303, "the session of the answer is over");
        answer
    };
    let mut sessions = String::new();
    let answer = during_the_check(&server, send, |server| {
        assert_eq!(other.post("/account/sessions/end", &[]).status, 303);
        // The page takes the message out of the remaining session.
        assert!(other.get("/account").text().contains("1 other browser was signed out."));
        sessions = server.db_rows(&["sessions"]);
    });
    assert_eq!((answer.status, answer.header("location")), (303, "/account"), "the form was accepted before");
    assert_eq!(server.db_rows(&["sessions"]), sessions);
    assert_eq!((slow.get("/account").status, other.get("/account").status), (303, 200));
}
