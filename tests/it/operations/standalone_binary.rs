//! The installed binary, without the repository and without build output.

use crate::support::PASSWORD;
use crate::support::api_client::{Answer, Call};
use crate::support::browser_client::Browser;
use crate::support::database::is_postgres;
use crate::support::process::{Home, Latchkey};

/// What the page asks its browser to load: path, and what is there.
fn parts(server: &Latchkey, page: &Answer) -> Vec<(String, Answer)> {
    let paths = page.body.split(['"', '\'']).filter(|it| it.starts_with("/static/"));
    paths.map(|path| (path.to_owned(), Call::new(server.address, "GET", path).send())).collect()
}

/// A page with its style, script and icon.
fn is_whole(server: &Latchkey, path: &str) {
    let page = Browser::new(server.address).get(path);
    assert_eq!(page.status, 200, "{}", page.body);
    let parts = parts(server, &page);
    for (end, kind) in [(".css", "text/css"), (".js", "javascript"), (".svg", "image/svg+xml")] {
        let (path, part) = parts.iter().find(|(path, _)| path.ends_with(end)).unwrap();
        assert!(part.status == 200 && part.body.len() > 200, "{path}: {part:?}");
        assert!(part.header("content-type").contains(kind), "{path}: {part:?}");
    }
}

#[db_test(needs(mount))]
fn the_binary_alone_sets_up_serves_complete_pages_and_the_api_and_restarts() {
    let home = Home::new();
    let server = home.serve_without_repository();
    assert!(server.said().contains("migrations applied to"), "{}", server.said());
    let url = server.setup_url();
    let (path, code) = (url.split_once(&server.address.to_string()).unwrap().1, url.split("code=").nth(1).unwrap());
    is_whole(&server, path);
    let ada = Browser::new(server.address);
    let person = [("name", "Ada"), ("email", "ada@example.org"), ("password", PASSWORD)];
    let answer = ada.post("/setup", &[&person[..], &[("workspace", "Acme"), ("code", code)]].concat());
    assert_eq!(answer.status, 303, "{}", answer.body);
    let value = ada.create_token("acme", "Reporting").value();
    for path in ["/login", "/api/v2"] {
        is_whole(&server, path);
    }
    let (status, said) = server.terminate();
    assert_eq!(status, 0, "{said}");
    assert!(said.trim_end().ends_with("stopped"), "the last line says that it ended in order: {said}");

    // What was unpacked may be deleted meanwhile; a set-up link is printed no more.
    std::fs::remove_dir_all(home.data().join("static")).unwrap();
    let again = home.serve_without_repository();
    is_whole(&again, "/login");
    assert_eq!(Call::new(again.address, "GET", "/api/v2/workspace.json").bearer(&value).send().status, 200);
    assert!(!again.said().contains("/setup?code="), "{}", again.said());
    if !is_postgres() {
        let mut there: Vec<_> = std::fs::read_dir(home.data()).unwrap().map(|it| it.unwrap().file_name()).collect();
        there.sort();
        let database = ["latchkey.db", "latchkey.db-lock", "latchkey.db-server", "latchkey.db-shm", "latchkey.db-wal"];
        assert_eq!(there, [&database[..], &["static"]].concat(), "and nothing else");
    }
}
