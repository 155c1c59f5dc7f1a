//! What was made with old credentials ends with them: sessions, reset links, invitations.

use latchkey::accounts::access::set_password;
use latchkey::accounts::model::CredentialsGeneration;
use latchkey::accounts::one_time_links::OneTimeCode;
use latchkey::accounts::password::NewPassword;
use latchkey::accounts::password_hasher::PasswordHasher;
use latchkey::accounts::profile::{ChangeError, end_other_sessions};
use latchkey::accounts::session::CurrentSession;
use latchkey::base::client_info::ClientInfo;
use latchkey::base::random::os_rng;
use latchkey::db::DbError;
use latchkey::members::invitations::{InvitationTerms, InviteError, invite, new_invitation};
use latchkey::tokens::model::IdempotencyKey;
use latchkey::workspaces::model::Role;

use crate::support::browser_client::Browser;
use crate::support::database::rows;
use crate::support::wait::wait_until;
use crate::support::{PASSWORD, TestServer};

const ALICE: &str = "alice@example.org";
const NEW: &str = "a wholly different one";
const NEW_PERSON: [(&str, &str); 3] =
    [("name", "Kim"), ("email", "kim@example.org"), ("password", "seven blue kettles")];

/// A change that ends what was made with Alice's old credentials. The browser has a session of hers, which
/// only the changes on the account page keep.
struct Change {
    name: &'static str,
    make: fn(&TestServer, &Browser),
    keeps_browser: bool,
}

const CHANGES: [Change; 5] = [
    Change {
        name: "a reset link",
        make: |server, _| {
            assert_eq!(server.browser().post(&server.reset_link("alice"), &[("password", NEW)]).status, 303);
        },
        keeps_browser: false,
    },
    Change {
        name: "a new password on the account page",
        make: |_, browser| {
            let fields = [("present_password", PASSWORD), ("new_password", NEW)];
            assert_eq!(browser.post("/account/password", &fields).header("location"), "/account");
        },
        keeps_browser: true,
    },
    Change { name: "a new password by command", make: |server, _| set_new_password(server), keeps_browser: false },
    Change {
        name: "deactivation and activation",
        make: |server, _| {
            server.set_active("alice", false);
            server.set_active("alice", true);
        },
        keeps_browser: false,
    },
    Change {
        name: "signing out all other browsers",
        make: |_, browser| assert_eq!(browser.post("/account/sessions/end", &[]).header("location"), "/account"),
        keeps_browser: true,
    },
];

fn set_new_password(server: &TestServer) {
    let password = NewPassword::parse(NEW, None, &[]).unwrap();
    let hash = PasswordHasher::insecure_for_tests().hash_blocking(&password, &mut os_rng()).unwrap();
    set_password(&server.db, &ALICE.parse().unwrap(), &hash, server.now()).unwrap().unwrap();
}

fn is_signed_in(browser: &Browser) -> bool {
    browser.get("/account").status == 200
}

#[db_test]
fn a_session_saved_after_a_change_of_the_credentials_is_not_valid() {
    for change in CHANGES {
        let server = TestServer::start();
        let (late, bob) = (server.signed_in("alice"), server.signed_in("bob"));
        // The changes do not find a session without a user, as if a login had checked the password and not saved it yet.
        server.db_execute(
            "UPDATE sessions SET user_id = NULL WHERE user_id = (SELECT id FROM users WHERE name = 'Alice')",
        );
        let browser = server.signed_in("alice");
        (change.make)(&server, &browser);
        server.db_execute(
            "UPDATE sessions SET user_id = (SELECT id FROM users WHERE name = 'Alice') WHERE user_id IS NULL",
        );

        assert!(!is_signed_in(&late), "{}", change.name);
        assert_eq!(late.post("/account/name", &[("name", "Mallory")]).header("location"), "/login?next=%2Faccount");
        assert_eq!(is_signed_in(&browser), change.keeps_browser, "{}", change.name);
        assert!(is_signed_in(&bob), "{}", change.name);
        if change.keeps_browser {
            let list = browser.get("/account").page().texts("section[aria-labelledby=sessions] article");
            assert_eq!(list.len(), 1, "the list has valid sessions only: {list:?}");
        }
    }
}

#[db_test(postgres)]
fn a_login_that_saves_its_session_after_a_reset_is_not_signed_in() {
    let server = TestServer::start();
    server.db_alter(
        "CREATE FUNCTION wait_for_the_test() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NEW; END $$",
    );
    server.db_alter(
        "CREATE TRIGGER late BEFORE INSERT ON sessions FOR EACH ROW WHEN (NEW.user_id IS NOT NULL) \
         EXECUTE FUNCTION wait_for_the_test()",
    );
    let mut lock = server.database.connect();
    rows(&mut lock, "SELECT pg_advisory_lock(4711)::text AS text");
    let alice = server.browser();
    std::thread::scope(|scope| {
        let login = scope.spawn(move || {
            let status = alice.sign_in(ALICE, PASSWORD).status;
            (alice, status)
        });
        let waiting = "SELECT 'waits' AS text FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 \
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND NOT granted";
        wait_until("the session is about to be saved", || rows(&mut lock, waiting).len() == 1);
        assert_eq!(server.browser().post(&server.reset_link("alice"), &[("password", NEW)]).status, 303);
        rows(&mut lock, "SELECT pg_advisory_unlock(4711)::text AS text");
        let (browser, status) = login.join().unwrap();
        assert_eq!(status, 303, "the password was right when it was checked");
        assert!(!is_signed_in(&browser));
    });
    assert!(is_signed_in(&{
        let browser = server.browser();
        assert_eq!(browser.sign_in(ALICE, NEW).status, 303);
        browser
    }));
}

#[db_test]
fn links_made_with_old_credentials_end_with_them() {
    for change in CHANGES {
        let server = TestServer::start();
        server.add_to_acme("charlie", Role::Administrator);
        let (alice, charlie) = (server.signed_in("alice"), server.signed_in("charlie"));
        let invitations = [server.invite(&alice, "administrator"), server.invite(&alice, "editor")];
        let others = server.invite(&charlie, "editor");
        let (reset, bobs_reset) = (server.reset_link("alice"), server.reset_link("bob"));
        let value = server.create_token(&alice, "acme", "Reporting");

        (change.make)(&server, &alice);

        // A link for a reset is consumed by the reset that this change is, or deleted.
        assert_eq!(server.browser().get(&reset).status, 404, "{}", change.name);
        for path in &invitations {
            assert_eq!(server.browser().get(path).status, 404, "{}", change.name);
            assert_eq!(server.browser().post(path, &NEW_PERSON).status, 404, "{}", change.name);
        }
        assert_eq!(server.browser().get(&bobs_reset).status, 200, "{}", change.name);
        assert_eq!(server.browser().post(&others, &NEW_PERSON).status, 303, "{}", change.name);
        assert_eq!(server.call(&value).status, 200, "tokens are unchanged: {}", change.name);
        let activity = charlie.get("/w/acme/settings/activity").text();
        let ended = "An invitation by Alice was revoked when their sessions ended";
        assert_eq!(activity.matches(ended).count(), 2, "{}: {activity}", change.name);
        if change.keeps_browser {
            let page = alice.get("/account").text();
            assert!(page.contains("2 of your open invitations were revoked."), "{}: {page}", change.name);
        }
    }
}

#[db_test]
fn a_request_that_began_before_a_change_of_the_credentials_creates_nothing_that_outlives_it() {
    let server = TestServer::start();
    let (acme, alice) = server
        .db
        .read_blocking(|conn| {
            let acme = latchkey::workspaces::store::workspace_by_slug(conn, &"acme".parse().unwrap())?.unwrap();
            let alice = latchkey::accounts::store::user_by_email(conn, &ALICE.parse().unwrap())?.unwrap().0;
            Ok::<_, DbError>((acme, alice))
        })
        .unwrap();
    let browser = server.signed_in("alice");
    let session = server.rows("SELECT uuid AS text FROM sessions").remove(0).parse().unwrap();
    let client = ClientInfo { ip: "203.0.113.7".parse().unwrap(), agent: None };
    let (generation, actor) = (CredentialsGeneration::FIRST, alice.actor(client, server.now()));
    let current = CurrentSession { id: session, generation };
    let new = || {
        let key = IdempotencyKey::generate(&mut os_rng());
        let code = OneTimeCode::generate(&mut os_rng());
        let terms = InvitationTerms { role: Role::Administrator, email: None, note: None };
        new_invitation(&code, &acme, &actor, terms, &key, &mut os_rng())
    };
    let invite = || {
        let new = new();
        server.db.write_blocking(|conn| invite(conn, &acme, &actor, generation, &new))
    };
    assert!(invite().is_ok());

    set_new_password(&server);

    let late = invite();
    assert!(matches!(late, Err(InviteError::NotAllowed)), "{late:?}");
    let late = server.db.write_blocking(|conn| end_other_sessions(conn, &alice, &actor, &current));
    assert!(matches!(late, Err(ChangeError::Stale)), "{late:?}");
    assert!(!is_signed_in(&browser));
    assert_eq!(server.db_rows(&["sessions"]), "sessions\n");
    assert_eq!(server.rows("SELECT uuid AS text FROM one_time_links WHERE purpose = 'invitation'"), [""; 0]);
}
