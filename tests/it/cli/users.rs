//! `latchkey user` and `latchkey member`, while users are signed in.

use super::{ALICE, BOB, call, create, home, is_signed_in, sign_in};
use crate::support::PASSWORD;
use crate::support::browser_client::Browser;
use crate::support::process::Home;

#[db_test]
fn a_user_added_to_a_running_server_can_sign_in() {
    let home = Home::new();
    let server = home.serve();
    assert!(server.setup_url().starts_with(&server.url("/setup?code=")));

    let added = home.done_with(
        &["user", "add", "--email", ALICE, "--name", "Alice", "--password-stdin"],
        &format!("{PASSWORD}\r\nsecond line\n"),
    );
    assert!(added.contains(ALICE), "{added}");
    home.done(&["workspace", "add", "--slug", "acme", "--name", "Acme", "--kind", "production"]);
    home.done(&["member", "add", "--workspace", "acme", "--email", ALICE, "--role", "administrator"]);

    let users = home.done(&["user", "list"]);
    assert!(users.starts_with("uuid\temail\tname\tstate\tcreated_at\temail_state\n"), "{users}");
    assert!(users.contains("\talice@example.org\tAlice\tactive\t20"), "{users}");
    let workspaces = home.done(&["workspace", "list"]);
    assert!(workspaces.contains("\tacme\tproduction\tAcme\t1\n"), "{workspaces}");
    let (browser, answer) = sign_in(&server, ALICE, PASSWORD);
    assert_eq!(answer.status, 303);
    assert!(is_signed_in(&browser));
    assert_eq!(Browser::new(server.address).get(server.setup_url().split_at(server.url("").len()).1).status, 404);
}

#[db_test]
fn a_new_password_ends_sessions_and_leaves_tokens_alone() {
    let home = home();
    let server = home.serve();
    let value = create(&home, ALICE, "Reporting");
    let (browser, _) = sign_in(&server, ALICE, PASSWORD);
    let (bob, _) = sign_in(&server, BOB, PASSWORD);
    assert!(is_signed_in(&browser) && is_signed_in(&bob));

    home.done_with(&["user", "set-password", "--email", ALICE, "--password-stdin"], "a wholly different one\n");

    assert_eq!(browser.get("/w/acme").status, 303);
    assert!(is_signed_in(&bob), "somebody else's session ended too");
    assert_eq!(call(&server, &value).status, 200);
    assert_eq!(sign_in(&server, ALICE, PASSWORD).1.status, 422);
    assert_eq!(sign_in(&server, ALICE, "a wholly different one").1.status, 303);
}

#[db_test]
fn a_reset_link_sets_a_new_password_on_a_running_server() {
    let home = home();
    let early = home.run(&["user", "reset-password", "--email", ALICE]);
    assert_eq!((early.status, early.stdout.as_str()), (2, ""), "where it is reached is not known yet: {early:?}");
    assert!(early.stderr.contains("--public-url"), "{early:?}");
    let said = home.done(&["user", "reset-password", "--email", ALICE, "--public-url", "https://tokens.example"]);
    assert!(said.starts_with("https://tokens.example/reset/"), "{said}");

    let server = home.serve();
    let value = create(&home, ALICE, "Reporting");
    let (browser, _) = sign_in(&server, ALICE, PASSWORD);
    let ran = home.run(&["user", "reset-password", "--email", ALICE]);
    assert_eq!((ran.status, ran.stdout.lines().count()), (0, 1), "the link alone: {ran:?}");
    assert!(ran.stderr.contains("once, for 24 hours"), "{ran:?}");
    let path = ran.stdout.trim_end().strip_prefix(&server.url("")).expect("the running server's address").to_owned();
    assert!(is_signed_in(&browser), "nothing changes until it is used");
    let done = Browser::new(server.address).post(&path, &[("password", "a wholly different one")]);
    assert_eq!(done.status, 303, "{}", done.body);
    assert!(!is_signed_in(&browser));
    assert_eq!(call(&server, &value).status, 200);
    assert_eq!(sign_in(&server, ALICE, "a wholly different one").1.status, 303);

    assert!(home.fails(&["user", "reset-password", "--email", "nobody@example.org"]).contains("no user"));
    let bobs = home.done(&["user", "reset-password", "--email", BOB]);
    home.done(&["user", "deactivate", "--email", BOB]);
    let bobs = bobs.trim_end().strip_prefix(&server.url("")).unwrap().to_owned();
    assert_eq!(Browser::new(server.address).get(&bobs).status, 404);
    assert!(home.fails(&["user", "reset-password", "--email", BOB]).contains("deactivated; activate them first"));
}

#[db_test]
fn a_password_that_is_too_short_changes_nothing() {
    let home = home();
    let server = home.serve();
    let ran = home.run_with(&["user", "set-password", "--email", ALICE, "--password-stdin"], "short\n");
    assert_eq!(ran.status, 1);
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
    assert!(ran.stderr.contains("at least 12 characters") && ran.stderr.contains("Nothing was changed"), "{ran:?}");
    assert!(!ran.stderr.contains("short\n"), "{ran:?}");
    assert_eq!(sign_in(&server, ALICE, PASSWORD).1.status, 303);

    let ran = home.run_with(&["user", "set-password", "--email", ALICE, "--password-stdin"], "the acme password\n");
    assert!(ran.status == 1 && ran.stderr.contains("doesn’t contain “Acme”"), "{ran:?}");

    let ran = home.run(&["user", "set-password", "--email", ALICE]);
    assert_eq!(ran.status, 2, "nobody is there to type it: {ran:?}");
    assert!(ran.stderr.contains("--password-stdin"), "{ran:?}");
}

#[db_test]
fn a_deactivated_user_is_locked_out_immediately_until_activation() {
    let home = home();
    let server = home.serve();
    let value = create(&home, BOB, "Reporting");
    let (browser, _) = sign_in(&server, BOB, PASSWORD);
    assert!(is_signed_in(&browser));
    assert_eq!(call(&server, &value).status, 200);

    home.done(&["user", "deactivate", "--email", BOB]);
    assert_eq!(call(&server, &value).status, 401);
    assert!(!is_signed_in(&browser));
    assert_eq!(sign_in(&server, BOB, PASSWORD).1.status, 422);
    assert!(home.done(&["user", "list"]).contains("\tbob@example.org\tBob\tdeactivated\t"));

    home.done(&["user", "activate", "--email", BOB]);
    assert_eq!(call(&server, &value).status, 200);
    assert!(!is_signed_in(&browser), "a session that was ended came back");
    assert_eq!(sign_in(&server, BOB, PASSWORD).1.status, 303);
}

#[db_test]
fn a_removed_members_tokens_are_deleted_immediately() {
    let home = home();
    let server = home.serve();
    let (bob_s, alice_s) = (create(&home, BOB, "Reporting"), create(&home, ALICE, "Reporting"));
    let (browser, _) = sign_in(&server, BOB, PASSWORD);
    assert!(is_signed_in(&browser));

    let said = home.done(&["member", "remove", "--workspace", "acme", "--email", BOB]);
    assert!(said.contains("1 token deleted"), "{said}");
    assert_eq!(call(&server, &bob_s).status, 401);
    assert_eq!(call(&server, &alice_s).status, 200);
    assert_eq!(browser.get("/w/acme").status, 404);

    home.done(&["member", "add", "--workspace", "acme", "--email", BOB, "--role", "administrator"]);
    assert_eq!(call(&server, &bob_s).status, 401, "a deleted token came back");
    assert!(is_signed_in(&browser));
}

#[db_test]
fn a_member_who_becomes_an_agent_by_command_loses_the_tokens() {
    let home = home();
    let server = home.serve();
    let value = create(&home, BOB, "Reporting");
    let role = |role: &str| home.done(&["member", "role", "--workspace", "acme", "--email", BOB, "--role", role]);
    assert_eq!(role("administrator"), "Changed the role of bob@example.org in acme to administrator.\n");
    assert_eq!(call(&server, &value).status, 200);
    assert_eq!(role("agent"), "Changed the role of bob@example.org in acme to agent; 1 token deleted.\n");
    assert_eq!(call(&server, &value).status, 401);
    role("editor");
    assert_eq!(call(&server, &value).status, 401, "a deleted token came back");
}

/// `X-Auth-Email` for Bob's value.
fn passed_on(server: &crate::support::process::Latchkey, value: &str) -> String {
    let verified = crate::support::api_client::Call::new(server.address, "GET", "/auth/verify").bearer(value).send();
    assert_eq!(verified.status, 200);
    verified.header("x-auth-email").to_owned()
}

/// The last column of `latchkey user list`, by address.
fn email_states(home: &Home) -> Vec<(String, String)> {
    let list = home.done(&["user", "list"]);
    let columns = |line: &str| line.split('\t').map(str::to_owned).collect::<Vec<_>>();
    let mut states: Vec<_> =
        list.lines().skip(1).map(|line| (columns(line)[1].clone(), columns(line)[5].clone())).collect();
    states.sort();
    states
}

#[db_test]
fn addresses_are_verified_for_a_user_a_workspace_or_all() {
    use diesel::connection::SimpleConnection as _;
    let home = home();
    home.done_with(&["user", "add", "--email", "eve@example.org", "--name", "Eve", "--password-stdin"], PASSWORD);
    let server = home.serve();
    let value = create(&home, BOB, "Reporting");
    let states = |states: [&str; 3]| {
        let people = [ALICE, BOB, "eve@example.org"];
        let expected: Vec<_> =
            people.iter().zip(states).map(|(email, state)| ((*email).to_owned(), state.to_owned())).collect();
        assert_eq!(email_states(&home), expected);
    };
    let unverify = || {
        home.database.connect().batch_execute("UPDATE users SET email_verified_at = NULL").unwrap();
        states(["unverified"; 3]);
        assert_eq!(passed_on(&server, &value), "");
    };
    states(["verified"; 3]);
    assert_eq!(passed_on(&server, &value), BOB, "the operator vouches for whom they add");

    unverify();
    assert_eq!(home.done(&["user", "verify-email", "--email", "BOB@example.org"]), "Verified bob@example.org.\n");
    states(["unverified", "verified", "unverified"]);
    assert_eq!(passed_on(&server, &value), BOB, "from the next request on");
    let verified = home.done(&["user", "verify-email", "--workspace", "acme"]);
    assert_eq!(verified, "Verified alice@example.org.\n", "Bob's was verified before, and Eve is no member");
    states(["verified", "verified", "unverified"]);
    unverify();
    let verified = home.done(&["user", "verify-email", "--all"]);
    assert_eq!(verified.lines().count(), 3, "{verified}");
    states(["verified"; 3]);
    assert_eq!(home.done(&["user", "verify-email", "--all"]), "");

    for _ in 0..2 {
        let unverified = home.done(&["user", "unverify-email", "--email", BOB]);
        assert_eq!(unverified, "bob@example.org is not verified any more.\n");
        states(["verified", "unverified", "verified"]);
        assert_eq!(passed_on(&server, &value), "", "from the next request on");
    }
    let (bob, _) = sign_in(&server, BOB, PASSWORD);
    let activity = bob.get("/w/acme/settings/activity").text();
    assert_eq!(activity.matches("no longer vouches for bob@example.org as").count(), 1, "{activity}");
    assert!(
        activity.contains("Server administrator verified bob@example.org as the email address of Bob"),
        "{activity}"
    );
    for (args, code) in [
        (&["user", "verify-email"][..], 2),
        (&["user", "verify-email", "--all", "--email", BOB], 2),
        (&["user", "verify-email", "--email", "nobody@example.org"], 1),
        (&["user", "verify-email", "--workspace", "nowhere"], 1),
        (&["user", "unverify-email", "--email", "nobody@example.org"], 1),
    ] {
        assert_eq!(home.run(args).status, code, "{args:?}");
    }
}

#[db_test]
fn the_operator_changes_an_address_which_is_verified_then() {
    let home = home();
    let server = home.serve();
    let value = create(&home, BOB, "Reporting");
    let (bob, _) = sign_in(&server, BOB, PASSWORD);
    let changed = home.done(&["user", "set-email", "--email", BOB, "--new", "Robert@Example.org"]);
    assert_eq!(changed, "bob@example.org signs in as Robert@Example.org from now on. The address is verified.\n");
    assert_eq!(passed_on(&server, &value), "Robert@Example.org");
    assert!(is_signed_in(&bob), "his session goes on");
    assert_eq!(sign_in(&server, BOB, PASSWORD).1.status, 422);
    assert_eq!(sign_in(&server, "robert@example.org", PASSWORD).1.status, 303);
    let activity = bob.get("/w/acme/settings/activity").text();
    let sentence = "Server administrator changed the email address of Bob from bob@example.org to Robert@Example.org";
    assert!(activity.contains(sentence), "{activity}");
    for (email, new, said) in [
        (BOB, "b@example.org", "there is no user with the email address bob@example.org"),
        (ALICE, "ROBERT@example.org", "a user with the email address ROBERT@example.org already exists"),
    ] {
        let failed = home.run(&["user", "set-email", "--email", email, "--new", new]);
        let message = failed.stderr;
        assert!(failed.status == 1 && message.contains(said), "{message}");
    }
    assert_eq!(home.run(&["user", "set-email", "--email", ALICE, "--new", "alice"]).status, 2);
}
