//! Verified email addresses: which ones an API behind a gateway gets, and what users do to their own.

use latchkey::config::ServerArgs;
use latchkey::workspaces::model::Role;

use crate::support::api_client::{Answer, form};
use crate::support::browser_client::Browser;
use crate::support::{PASSWORD, TestServer, plain_settings};

const SECRET: &str = "sixteen characters, or more";

fn settings(folder: &std::path::Path) -> ServerArgs {
    let secret = folder.join("warehouse.secret");
    std::fs::write(&secret, SECRET).unwrap();
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    ServerArgs {
        introspection_clients: vec![format!("warehouse={}", secret.display()).parse().unwrap()],
        ..plain_settings()
    }
}

/// `X-Auth-Email` of every way to ask, which must agree; `None` if it is empty. By every worker, so that each caches it.
fn email_of(server: &TestServer, value: &str) -> Option<String> {
    let ask = || {
        let verified = server.api("GET", "/auth/verify").bearer(value).send();
        assert_eq!((verified.status, verified.headers("x-auth-email").count()), (200, 1));
        let email = Some(verified.header("x-auth-email").to_owned()).filter(|email| !email.is_empty());
        let fields = form(&[("client_id", "warehouse"), ("client_secret", SECRET), ("token", value)]);
        let call = server.api("POST", "/oauth2/introspect").header("Content-Type", "application/x-www-form-urlencoded");
        let introspected = call.body(fields).send().json();
        assert_eq!(introspected["active"], true);
        assert_eq!(introspected["username"].as_str().map(str::to_owned), email, "{introspected}");
        email
    };
    let first = ask();
    for _ in 0..5 {
        assert_eq!(ask(), first);
    }
    first
}

fn change_email(browser: &Browser, email: &str) -> Answer {
    browser.post("/account/email", &[("email", email), ("password", PASSWORD)])
}

/// The card of the account page.
fn card(browser: &Browser) -> String {
    browser.get("/account").page().text_of("section[aria-labelledby=email-title]")
}

#[db_test]
fn only_a_verified_address_is_passed_on() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start_with(settings(folder.path()));
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    assert_eq!(email_of(&server, &value).as_deref(), Some("alice@example.org"));
    server.unverify("alice");
    assert_eq!(email_of(&server, &value), None, "from the next request on");
    let users = server.api("GET", "/api/v2/users.json").bearer(&value).send();
    assert!(users.body.contains("alice@example.org"), "the API shows the addresses as before: {}", users.body);
    server.db_execute("UPDATE users SET email_verified_at = 5");
    assert_eq!(email_of(&server, &value).as_deref(), Some("alice@example.org"));
}

#[db_test]
fn only_an_administrator_of_all_their_workspaces_changes_their_own_address() {
    let server = TestServer::start();
    let bob = server.signed_in("bob");
    let ask = "Only an administrator of all your workspaces or the server administrator can change it.";
    for role in ["editor", "agent"] {
        server.db_execute(&format!("UPDATE memberships SET role = '{role}' WHERE role IN ('editor', 'agent')"));
        assert!(card(&bob).contains(ask) && !card(&bob).contains("Current password"), "{}", card(&bob));
        let users = server.db_rows(&["users"]);
        for email in ["root@victim.example", "not an address", ""] {
            let refused = change_email(&bob, email);
            assert_eq!(
                (refused.status, refused.title().as_str()),
                (403, "You can’t change this address yourself · Latchkey")
            );
        }
        assert_eq!(server.db_rows(&["users"]), users);
    }
    let bobs = "user_id = (SELECT id FROM users WHERE name = 'Bob')";
    let acme = "workspace_id = (SELECT id FROM workspaces WHERE slug = 'acme')";
    server.db_execute(&format!("UPDATE memberships SET role = 'administrator' WHERE {bobs} AND {acme}"));
    assert_eq!(change_email(&bob, "b@example.org").status, 403, "an administrator of one of two");
    server.db_execute(&format!("UPDATE memberships SET role = 'administrator' WHERE {bobs}"));
    assert_eq!(change_email(&bob, "b@example.org").status, 303);
    server.db_execute(&format!("UPDATE memberships SET removed_at = 1 WHERE {bobs}"));
    assert_eq!(change_email(&bob, "bb@example.org").status, 403, "a user without a workspace");
}

#[db_test]
fn nobody_verifies_their_own_address() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start_with(settings(folder.path()));
    server.let_alice_vouch();
    for (name, slug) in [("charlie", "other"), ("alice", "acme")] {
        let browser = server.signed_in(name);
        let value = server.create_token(&browser, slug, "Reporting");
        let own = format!("{name}@example.org");
        assert!(card(&browser).starts_with("Email address Verified"), "{}", card(&browser));
        assert_eq!(change_email(&browser, &own).status, 303);
        assert_eq!(email_of(&server, &value).as_deref(), Some(own.as_str()), "the same address is still verified");
        for other in [own.to_uppercase(), format!("{name}@victim.example")] {
            assert_eq!(change_email(&browser, &other).status, 303);
            assert_eq!(email_of(&server, &value), None, "{other}");
        }
        assert!(card(&browser).starts_with("Email address Not verified"), "{}", card(&browser));
        assert!(card(&browser).contains("APIs behind a gateway don’t get this address."), "{}", card(&browser));
        let own_page =
            format!("/w/{slug}/settings/members/{}", server.uuid_of_address(&format!("{name}@victim.example")));
        let text = browser.get(&own_page).text();
        assert!(text.contains("someone else has to verify it") && !text.contains("Save as verified"), "{text}");
        let refused = browser.post(&format!("{own_page}/email"), &[("email", &format!("{name}@victim.example"))]);
        assert_eq!(refused.status, 403);
        assert!(!server.is_verified(&format!("{name}@victim.example")));
    }
}

/// Charlie administers a workspace of his own. Nothing he does there makes the gateways of others see a made-up address.
#[db_test]
fn an_administrator_of_some_workspaces_verifies_no_address() {
    let server = TestServer::start();
    let charlie = server.signed_in("charlie");
    let victim = "ceo@victim.example";
    let members = "/w/other/settings/members";

    // A second account of his own, by an invitation for the address or for any.
    let guest = [("name", "Guest"), ("password", "seven blue kettles")];
    let bound = server.invite_address(&charlie, "other", "administrator", victim);
    assert_eq!(server.browser().post(&bound, &guest).status, 303);
    assert!(!server.is_verified(victim));
    let unbound = server.invite_address(&charlie, "other", "editor", "");
    let fields = [&guest[..], &[("email", "cfo@victim.example")]].concat();
    assert_eq!(server.browser().post(&unbound, &fields).status, 303);
    assert!(!server.is_verified("cfo@victim.example"));

    // A change to it, and back.
    let page = format!("{members}/{}", server.uuid_of_address(victim));
    let text = charlie.get(&page).text();
    assert!(text.contains("you are not an administrator of every workspace on this server"), "{text}");
    for email in ["cto@victim.example", victim, victim] {
        assert_eq!(charlie.post(&format!("{page}/email"), &[("email", email)]).status, 303, "{email}");
        assert!(!server.is_verified(email), "{email}");
    }

    // A workspace of the guest's own.
    assert_eq!(
        charlie.post("/workspaces/new", &[("name", "Victim"), ("kind", "production"), ("slug", "victim")]).status,
        303
    );
    server.db_execute(
        "UPDATE memberships SET removed_at = 1 WHERE workspace_id = (SELECT id FROM workspaces WHERE slug = 'other')",
    );
    let link = server.invite_address(&charlie, "victim", "editor", "owner@victim.example");
    assert_eq!(server.browser().post(&link, &guest).status, 303);
    assert!(!server.is_verified("owner@victim.example"));
}

#[db_test]
fn an_administrator_who_is_demoted_meanwhile_does_not_change_their_own_address() {
    let server = TestServer::start();
    let (user, hash) = server
        .db
        .read_blocking(|conn| latchkey::accounts::store::user_by_email(conn, &"charlie@example.org".parse().unwrap()))
        .unwrap()
        .unwrap();
    let client = latchkey::base::client_info::ClientInfo { ip: std::net::Ipv4Addr::LOCALHOST.into(), agent: None };
    let actor = user.actor(client, server.now());
    server.add_to("acme", "charlie", Role::Editor);
    let change = |conn: &mut latchkey::db::DbConnection| {
        latchkey::workspaces::change_own_email::change_own_email(
            conn,
            &user,
            &actor,
            &hash,
            &"c@example.org".parse().unwrap(),
        )
    };
    let result = server.db.write_blocking(change);
    assert!(
        matches!(result, Err(latchkey::workspaces::change_own_email::ChangeOwnEmailError::NotAllowed)),
        "{result:?}"
    );
    assert!(server.is_verified("charlie@example.org"));
}
