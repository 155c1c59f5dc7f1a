//! Members: who sees them, their tokens after a change of role or a removal, and the last administrator.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

use latchkey::workspaces::model::Role;

use crate::support::TestServer;
use crate::support::api_client::Answer;
use crate::support::browser_client::Browser;
use crate::support::wait::{SetOnDrop, wait_until};

const MEMBERS: &str = "/w/acme/settings/members";

fn path_of(server: &TestServer, name: &str) -> String {
    format!("{MEMBERS}/{}", server.uuid_of(name))
}

/// What happened in the workspace, in order: our word, by whom, to whom, about which token.
fn events(server: &TestServer) -> Vec<String> {
    server.rows(
        "SELECT action || ' by ' || coalesce(actor_name, '-') || ' to ' || coalesce(subject_name, '-') \
         || coalesce(': ' || token_name, '') AS text FROM events \
         WHERE workspace = (SELECT uuid FROM workspaces WHERE slug = 'acme') ORDER BY id",
    )
}

/// Bob's tool calls the API in a loop while `act` happens, and on for a while. Every call before it is answered, every
/// call that begins after its answer is refused.
fn calls_meanwhile(server: &TestServer, value: &str, act: impl FnOnce() -> Answer) -> Answer {
    let (is_done, is_enough) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let _is_done = SetOnDrop(&is_done);
        let tool = scope.spawn(|| {
            let (mut before, mut after) = (0, 0);
            while after < 50 {
                let was_done = is_done.load(Ordering::SeqCst);
                let status = server.call(value).status;
                match (was_done, status) {
                    (true, 401) => after += 1,
                    (true, _) => panic!("call {after} after the answer is answered {status}"),
                    (false, 200 | 401) => before += 1,
                    (false, _) => panic!("answered {status}"),
                }
                if before == 20 {
                    is_enough.store(true, Ordering::SeqCst);
                }
            }
        });
        wait_until("the tool has called", || is_enough.load(Ordering::SeqCst) || tool.is_finished());
        assert_eq!(server.call(value).status, 200);
        let answer = act();
        is_done.store(true, Ordering::SeqCst);
        tool.join().unwrap();
        answer
    })
}

#[db_test]
fn a_removed_members_tokens_are_rejected_from_the_next_call_on_and_stay_deleted() {
    let server = TestServer::start();
    let (alice, bob) = (server.signed_in("alice"), server.signed_in("bob"));
    let value = server.create_token(&bob, "acme", "Reporting");
    let elsewhere = server.create_token(&bob, "acme-demo", "Reporting");
    let before = events(&server).len();
    let path = path_of(&server, "bob");
    let asks = alice.get(&format!("{path}/remove")).text();
    assert!(asks.contains("Remove Bob? From Acme Production"), "{asks}");
    assert!(asks.contains(&format!(
        "These tokens stop working immediately, and anything using them will fail: Reporting rpat…{}",
        &value[42..]
    )));

    let removed = calls_meanwhile(&server, &value, || alice.post(&format!("{path}/remove"), &[]));
    assert_eq!((removed.status, removed.header("location")), (303, MEMBERS));
    let list = alice.get(MEMBERS).text();
    assert!(list.contains("Bob is no longer a member of Acme. 1 token deleted."), "{list}");
    assert!(!list.contains("bob@example.org"));
    assert_eq!(bob.get("/w/acme").status, 404);
    assert_eq!((alice.get(&path).status, alice.post(&format!("{path}/remove"), &[]).status), (404, 404));
    assert_eq!(server.call(&elsewhere).status, 200, "the other workspace is another matter");

    server.add_to_acme("bob", Role::Administrator);
    assert_eq!(server.call(&value).status, 401, "coming back brings it back");
    assert!(bob.get("/w/acme/settings/tokens").text().contains("0 of 3 tokens"));
    let again = server.create_token(&bob, "acme", "Reporting");
    assert_eq!(server.call(&again).status, 200);
    assert_eq!(
        events(&server)[before..],
        [
            "token_deleted by Alice to Bob: Reporting",
            "member_removed by Alice to Bob",
            "member_added by - to Bob",
            "token_created by Bob to Bob: Reporting",
        ]
    );
}

#[db_test]
fn a_member_who_becomes_an_agent_loses_the_tokens_immediately_and_permanently() {
    let server = TestServer::start();
    let (alice, bob) = (server.signed_in("alice"), server.signed_in("bob"));
    let value = server.create_token(&bob, "acme", "Reporting");
    let path = path_of(&server, "bob");
    let before = (server.db_rows(&["memberships", "tokens", "token_values", "events"]), events(&server).len());

    // It asks first, and names what stops.
    let asks = alice.post(&path, &[("role", "agent")]);
    assert_eq!(asks.status, 422);
    let text = asks.text();
    assert!(text.contains("Make Bob an Agent? Agents can’t have API tokens. These tokens stop working"), "{text}");
    assert!(text.contains(&format!("Reporting rpat…{}", &value[42..])) && !asks.body.contains(&value), "{text}");
    assert!(asks.body.contains("value=\"agent\" checked"), "what was chosen stays chosen");
    for confirm in ["editor", "yes", ""] {
        assert_eq!(alice.post(&path, &[("role", "agent"), ("confirm_role", confirm)]).status, 422);
    }
    assert_eq!(server.call(&value).status, 200);
    assert_eq!(server.db_rows(&["memberships", "tokens", "token_values", "events"]), before.0);

    let demoted =
        calls_meanwhile(&server, &value, || alice.post(&path, &[("role", "agent"), ("confirm_role", "agent")]));
    assert_eq!((demoted.status, demoted.header("location")), (303, MEMBERS));
    assert!(alice.get(MEMBERS).text().contains("Bob is now an Agent. 1 token deleted."));
    assert_eq!(bob.get("/w/acme/settings/tokens").status, 403);

    // Nothing is asked where nothing stops.
    assert_eq!(alice.post(&path, &[("role", "editor")]).status, 303);
    assert_eq!(server.call(&value).status, 401, "the role brings it back");
    let list = bob.get("/w/acme/settings/tokens").text();
    assert!(list.contains("0 of 3 tokens") && list.contains("because you became an Agent"), "{list}");
    assert_eq!(alice.post(&path, &[("role", "agent")]).status, 303);
    assert_eq!(
        events(&server)[before.1..],
        [
            "token_deleted by Alice to Bob: Reporting",
            "member_role_changed by Alice to Bob",
            "member_role_changed by Alice to Bob",
            "member_role_changed by Alice to Bob",
        ]
    );
}

#[db_test]
fn the_member_list_shows_members_and_their_number_of_tokens() {
    let server = TestServer::start();
    let (alice, bob) = (server.signed_in("alice"), server.signed_in("bob"));
    let values = [("acme", "Reporting"), ("acme", "Partner"), ("acme-demo", "Elsewhere")]
        .map(|(slug, name)| server.create_token(&bob, slug, name));
    server.api("GET", "/api/v2/workspace.json").bearer(&values[0]).header("User-Agent", "curl/8.5.0").send();
    server.flush();
    server.set_active("dave", false);
    let page = alice.get(MEMBERS);
    let text = page.text();
    for says in [
        "Alice you alice@example.org Administrator 0 of 3 23 Nov 2026 23 Nov 2026, about 12:00 UTC",
        "Bob bob@example.org Editor 2 of 3 23 Nov 2026 23 Nov 2026, about 12:00 UTC",
        "Dave Deactivated dave@example.org Agent — 23 Nov 2026 —",
    ] {
        assert!(text.contains(says), "{says}: {text}");
    }
    assert!(!text.contains("Elsewhere") && !text.contains("Charlie"), "{text}");
    let one = alice.get(&path_of(&server, "bob"));
    let says = "· Last used 23 Nov 2026, 12:00 UTC from 127.0.0.1 (curl/8.5.0) · Created 23 Nov 2026 · No expiration";
    assert!(one.text().contains(says), "{}", one.text());
    for page in [&page, &one, &alice.get(&format!("{}/remove", path_of(&server, "bob")))] {
        assert_eq!((page.status, values.iter().any(|value| page.body.contains(value))), (200, false));
    }
    assert_eq!(one.body.matches(" checked").count(), 1);
    assert!(one.body.contains("value=\"editor\" checked"), "{}", one.body);
}

#[db_test]
fn an_unknown_member_or_role_changes_nothing() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let before = server.db_rows(&["memberships", "events"]);
    for whom in [&server.uuid_of("charlie"), "0199c2b4-0000-7000-8000-000000000000", "bob", "%F0"] {
        for page in ["", "/remove", "/revoke"] {
            let path = format!("{MEMBERS}/{whom}{page}");
            assert_eq!(
                (alice.get(&path).status, alice.post(&path, &[("role", "editor")]).status),
                (404, 404),
                "{path}"
            );
        }
    }
    let bob = path_of(&server, "bob");
    for role in ["", "owner", "Editor", "editor "] {
        let refused = alice.post(&bob, &[("role", role), ("confirm_role", role)]);
        assert_eq!(refused.status, 422, "{role:?}");
        assert!(refused.text().contains("Choose administrator, editor or agent."));
    }
    assert_eq!(alice.post(&bob, &[("role", "editor")]).status, 303, "it is that already");
    assert!(alice.get(MEMBERS).text().contains("Bob is now an Editor."));
    assert_eq!(server.db_rows(&["memberships", "events"]), before);
}

#[db_test]
fn the_last_administrator_cannot_be_removed_or_demoted() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let path = path_of(&server, "alice");
    let says = "Nothing was changed: a workspace needs an administrator Alice is the only administrator of Acme. Make \
                someone else an administrator first";
    // One who can't sign in is no help.
    server.db_execute("UPDATE memberships SET role = 'administrator' WHERE role = 'agent'");
    server.set_active("dave", false);
    let before = server.db_rows(&["memberships", "events"]);
    for (page, fields) in [
        ("/remove", &[][..]),
        ("", &[("role", "editor")]),
        ("", &[("role", "agent")]),
        ("", &[("role", "agent"), ("confirm_role", "agent")]),
    ] {
        let refused = alice.post(&format!("{path}{page}"), fields);
        assert_eq!(refused.status, 409, "{page} {fields:?}");
        assert!(refused.text().contains(says), "{}", refused.text());
    }
    assert_eq!(alice.get(&format!("{path}/remove")).status, 409);
    assert!(!alice.get(&path).body.contains("name=\"role\""), "what can't be is not offered");
    assert_eq!(server.db_rows(&["memberships", "events"]), before);

    // With another one it goes.
    alice.post(&path_of(&server, "bob"), &[("role", "administrator")]);
    let left = alice.post(&format!("{path}/remove"), &[]);
    assert_eq!((left.status, left.header("location")), (303, "/"));
    let next = alice.follow("/");
    assert!(next.text().contains("You have left Acme."), "{}", next.text());
    assert!(next.title().starts_with("Acme Demo"), "{}", next.title());
    assert_eq!(server.signed_in("bob").post(&format!("{}/remove", path_of(&server, "bob")), &[]).status, 409);
}

#[db_test]
fn an_administrator_who_demotes_themselves_is_redirected_to_a_permitted_page() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    alice.post(&path_of(&server, "bob"), &[("role", "administrator")]);
    let done = alice.post(&path_of(&server, "alice"), &[("role", "editor")]);
    assert_eq!((done.status, done.header("location")), (303, "/w/acme"));
    assert!(alice.get("/w/acme").text().contains("Alice is now an Editor. Acme Production"));
    assert_eq!(alice.get(MEMBERS).status, 403);
}

#[db_test]
fn a_deleted_token_says_so_although_its_owner_is_removed_demoted_or_deactivated() {
    for change in ["removed", "demoted", "deactivated"] {
        let server = TestServer::start();
        let (alice, bob) = (server.signed_in("alice"), server.signed_in("bob"));
        let value = server.create_token(&bob, "acme", "Reporting");
        let path = path_of(&server, "bob");
        let answer = match change {
            "removed" => alice.post(&format!("{path}/remove"), &[]),
            "demoted" => alice.post(&path, &[("role", "agent"), ("confirm_role", "agent")]),
            _ => bob.post(&bob.delete_path("acme", "Reporting"), &[]),
        };
        assert_eq!(answer.status, 303, "{change}: {}", answer.body);
        if change == "deactivated" {
            server.set_active("bob", false);
        }
        let refused = server.call(&value);
        assert_eq!(refused.status, 401, "{change}");
        let challenge = refused.header("www-authenticate");
        assert!(challenge.contains("error_description=\"The token was deleted on 2026-11-23T12:00:00."), "{challenge}");
    }
}

/// Sends both forms at the same moment, each from its own browser.
fn at_once(one: (&Browser, &str, &[(&str, &str)]), other: (&Browser, &str, &[(&str, &str)])) -> [u16; 2] {
    let barrier = Barrier::new(2);
    let send = |(browser, path, fields): (Browser, &str, &[(&str, &str)])| {
        barrier.wait();
        browser.post(path, fields).status
    };
    let (one, other) = ((one.0.clone(), one.1, one.2), (other.0.clone(), other.1, other.2));
    std::thread::scope(|scope| {
        let (send, theirs) = (&send, scope.spawn(|| send(one)));
        let ours = send(other);
        [theirs.join().unwrap(), ours]
    })
}

#[db_test]
fn one_of_two_administrators_who_remove_each_other_concurrently_stays() {
    const ROUNDS: usize = 60;
    let server = TestServer::start();
    let (alice, bob) = (server.signed_in("alice"), server.signed_in("bob"));
    let path = |name: &str, way: &str| format!("{}{way}", path_of(&server, name));
    let demote: &[(&str, &str)] = &[("role", "editor")];
    for round in 0..ROUNDS {
        // Every other round there is a third, so that it is not the rule about the last one alone that decides.
        let third = if round % 2 == 0 { "agent" } else { "administrator" };
        server.db_execute("UPDATE memberships SET role = 'administrator', removed_at = NULL WHERE role != 'agent'");
        server.db_execute(&format!(
            "UPDATE memberships SET role = '{third}' WHERE user_id = (SELECT id FROM users WHERE name = 'Dave')"
        ));
        let (hers, his) = match round / 2 % 3 {
            0 => (("/remove", &[][..]), ("/remove", &[][..])),
            1 => (("", demote), ("", demote)),
            _ => (("/remove", &[][..]), ("", demote)),
        };
        let mut statuses = at_once((&alice, &path("bob", hers.0), hers.1), (&bob, &path("alice", his.0), his.1));
        statuses.sort_unstable();
        assert!(matches!(statuses, [303, 403 | 404]), "round {round}: {statuses:?}");
        let administrators = server.rows(
            "SELECT name AS text FROM memberships JOIN users ON users.id = user_id WHERE role = 'administrator' \
             AND removed_at IS NULL AND name != 'Dave' \
             AND workspace_id = (SELECT id FROM workspaces WHERE slug = 'acme')",
        );
        assert_eq!(administrators.len(), 1, "round {round}: {administrators:?}");
    }
}

#[db_test]
fn a_token_created_during_the_removal_of_its_owner_is_deleted() {
    let server = TestServer::start();
    let (alice, bob) = (server.signed_in("alice"), server.signed_in("bob"));
    let path = path_of(&server, "bob");
    for round in 0..20 {
        let form = bob.get("/w/acme/settings/tokens/new");
        let fields: &[(&str, &str)] = &[("name", "Late"), ("form_key", &form.hidden("form_key"))];
        let way = if round % 2 == 0 { "/remove" } else { "" };
        let put_out: &[(&str, &str)] = &[("role", "agent"), ("confirm_role", "agent")];
        let [made, out] =
            at_once((&bob, "/w/acme/settings/tokens", fields), (&alice, &format!("{path}{way}"), put_out));
        assert!(matches!((made, out), (201 | 403 | 404 | 409, 303)), "round {round}: {made} {out}");
        assert_eq!(server.rows("SELECT name AS text FROM tokens WHERE deleted_at IS NULL"), Vec::<String>::new());
        if way.is_empty() {
            assert_eq!(alice.post(&path, &[("role", "editor")]).status, 303);
        } else {
            server.add_to_acme("bob", Role::Editor);
        }
    }
}
