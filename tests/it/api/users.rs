//! `users.json`: the users of the workspace, 250 a page, the newest first.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use latchkey::accounts::create::add_user;
use latchkey::accounts::model::NewUser;
use latchkey::accounts::password::NewPassword;
use latchkey::accounts::password_hasher::PasswordHasher;
use latchkey::audit::actor::Actor;
use latchkey::base::random;
use latchkey::workspaces::members::add_member;
use latchkey::workspaces::model::Role;
use latchkey::workspaces::store::workspace_by_slug;

use crate::support::api_client::Answer;
use crate::support::{NOON, PASSWORD, TestServer};

const USERS: &str = "/api/v2/users.json";

impl TestServer {
    /// Puts so many more people into `acme`, ten of them at a time added in the same microsecond.
    pub fn db_crowd(&self, size: usize) {
        let hash = PasswordHasher::insecure_for_tests()
            .hash_blocking(&NewPassword::parse(PASSWORD, None, &[]).unwrap(), &mut random::os_rng())
            .unwrap();
        let people: Vec<_> = (0..size)
            .map(|nth| {
                let at = NOON + Duration::from_secs(1 + nth as u64 / 10);
                let (email, name) = (format!("u{nth}@example.org"), format!("U{nth}"));
                NewUser::new(email.parse().unwrap(), name.parse().unwrap(), hash.clone(), at, &mut random::os_rng())
            })
            .collect();
        self.db
            .write_blocking(|conn| {
                let acme = workspace_by_slug(conn, &"acme".parse().unwrap())?.unwrap();
                for new in &people {
                    let user = add_user(conn, new, None, "test").unwrap();
                    add_member(conn, &acme, &user, Role::Agent, &Actor::command_line(NOON)).unwrap();
                }
                Ok::<_, latchkey::db::DbError>(())
            })
            .unwrap();
    }

    fn page(&self, value: &str, url: &str) -> Answer {
        let path = url.strip_prefix(&format!("http://{}", self.address)).unwrap_or(url);
        assert!(path.starts_with(USERS), "absolute, and of this site: {url}");
        let answer = self.api("GET", path).bearer(value).send();
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer
    }
}

fn names(page: &Answer) -> Vec<String> {
    let page = page.json();
    page["results"].as_array().unwrap().iter().map(|user| user["name"].as_str().unwrap().to_owned()).collect()
}

fn link(page: &Answer, way: &str) -> Option<String> {
    page.json()[way].as_str().map(str::to_owned)
}

#[db_test]
fn the_users_are_those_of_the_workspace_with_every_field() {
    let server = TestServer::start();
    server
        .db_execute("UPDATE users SET name = 'Bob van der Berg', created_at = created_at + 5000000 WHERE name = 'Bob'");
    server.db_execute("UPDATE users SET created_at = created_at - 5000000 WHERE name = 'Dave'");
    let value = server.create_token(&server.signed_in("bob"), "acme", "Reporting");
    let answer = server.page(&value, USERS);
    let results = answer.json()["results"].clone();
    // Charlie is a stranger.
    for (nth, name) in ["bob", "alice", "dave"].into_iter().enumerate() {
        assert_eq!(results[nth]["uuid"], server.uuid_of(name), "the newest first");
    }
    insta::allow_duplicates! {
        insta::assert_snapshot!(answer.snapshot(), @r#"
        200
        cache-control: no-store
        content-type: application/json
        vary: Authorization
        x-request-id: [uuid]
        x-temba-workspace: [uuid]

        {
          "next": null,
          "previous": null,
          "results": [
            {
              "uuid": "[uuid]",
              "name": "Bob van der Berg",
              "email": "bob@example.org",
              "role": "editor",
              "team": null,
              "created_on": "2026-11-23T12:00:05.000000Z",
              "avatar": null,
              "first_name": "Bob",
              "last_name": "van der Berg"
            },
            {
              "uuid": "[uuid]",
              "name": "Alice",
              "email": "alice@example.org",
              "role": "administrator",
              "team": null,
              "created_on": "2026-11-23T12:00:00.000000Z",
              "avatar": null,
              "first_name": "Alice",
              "last_name": ""
            },
            {
              "uuid": "[uuid]",
              "name": "Dave",
              "email": "dave@example.org",
              "role": "agent",
              "team": null,
              "created_on": "2026-11-23T11:59:55.000000Z",
              "avatar": null,
              "first_name": "Dave",
              "last_name": ""
            }
          ]
        }
        "#);
    }
    assert_eq!(answer.header("x-temba-workspace").len(), 36);
    server.set_active("dave", false);
    server.db_execute("UPDATE memberships SET removed_at = 1 WHERE role = 'administrator'");
    assert_eq!(names(&server.page(&value, USERS)), ["Bob van der Berg"], "who left or was deactivated is not there");
}

#[db_test]
fn every_user_is_on_one_page_forward_and_backward() {
    let server = TestServer::start();
    server.db_crowd(597);
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let (mut url, mut there, mut seen) = (USERS.to_owned(), Vec::new(), Vec::new());
    loop {
        let page = server.page(&value, &url);
        seen.push((names(&page), link(&page, "previous").is_some()));
        there.extend(names(&page));
        let Some(next) = link(&page, "next") else { break };
        url = next;
    }
    assert_eq!(
        seen.iter().map(|(page, back)| (page.len(), *back)).collect::<Vec<_>>(),
        [(250, false), (250, true), (100, true)]
    );
    assert_eq!(there.iter().collect::<std::collections::BTreeSet<_>>().len(), 600, "each once");
    assert!(there[..597].iter().all(|name| name.starts_with('U')) && there[597..].contains(&"Alice".to_owned()));

    let mut back = Vec::new();
    while let Some(previous) = link(&server.page(&value, &url), "previous") {
        let page = server.page(&value, &previous);
        back.push((names(&page), link(&page, "next").is_some()));
        url = previous;
    }
    let expected: Vec<_> = seen[..2].iter().rev().map(|(page, _)| (page.clone(), true)).collect();
    assert_eq!(back, expected, "the same pages, and the first has none before it");
}

#[db_test]
fn a_page_that_became_empty_has_no_links() {
    let server = TestServer::start();
    server.db_crowd(250);
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let next = link(&server.page(&value, USERS), "next").unwrap();
    server.db_execute("UPDATE memberships SET removed_at = 1 WHERE role = 'agent'");
    let page = server.page(&value, &next);
    assert_eq!((names(&page).len(), link(&page, "next"), link(&page, "previous")), (2, None, None));
}

#[db_test]
fn an_unknown_cursor_is_an_error() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let forged = BASE64_URL_SAFE_NO_PAD.encode("o:1;DROP TABLE users:0199c2b4-0000-7000-8000-000000000000");
    for cursor in ["x", "%00", "%FF", "b2s", &forged, &"A".repeat(5000)] {
        let answer = server.api("GET", &format!("{USERS}?cursor={cursor}")).bearer(&value).send();
        assert_eq!((answer.status, answer.body.as_str()), (404, r#"{"detail":"Invalid cursor"}"#), "{cursor}");
    }
    for fine in ["?cursor=", "?", "?page_size=5&cursor="] {
        assert_eq!(names(&server.page(&value, &format!("{USERS}{fine}"))).len(), 3, "{fine}");
    }
    let (least, most) = (i64::MIN, i64::MAX);
    for (place, length) in [(format!("o:{least}"), 0), (format!("o:{most}"), 3), (format!("n:{least}"), 3)] {
        let cursor = BASE64_URL_SAFE_NO_PAD.encode(format!("{place}:0199c2b4-0000-7000-8000-000000000000"));
        assert_eq!(names(&server.page(&value, &format!("{USERS}?cursor={cursor}"))).len(), length, "{place}");
    }
}

#[db_test]
fn a_cursor_of_another_workspace_shows_no_user_of_it() {
    let server = TestServer::start();
    server.db_crowd(260);
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let next = link(&server.page(&value, USERS), "next").unwrap();
    let charlies = server.create_token(&server.signed_in("charlie"), "other", "Spy");
    assert!(names(&server.page(&charlies, &next)).iter().all(|name| name == "Charlie"));
    let behind_tls = TestServer::start_with(crate::support::https_settings());
    behind_tls.db_crowd(250);
    let value = behind_tls.create_token(&behind_tls.signed_in("alice"), "acme", "Reporting");
    let page = behind_tls.page(&value, USERS);
    assert!(link(&page, "next").unwrap().starts_with("https://tokens.example/api/v2/users.json?cursor="));
}
