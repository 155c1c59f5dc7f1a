//! The notes of tokens in the list of all tokens: administrators read and search them.

use latchkey::db::Db;

use crate::support::TestServer;
use crate::support::api_client::Answer;

const TOKENS: &str = "/w/acme/settings/members/tokens";

fn names(answer: &Answer) -> Vec<String> {
    answer.page().texts("table.list tbody th > a")
}

#[db_test]
fn a_note_is_found_in_any_case_as_long_as_the_token_has_it() {
    let server = TestServer::start();
    let (alice, bob) = (server.signed_in("alice"), server.signed_in("bob"));
    server.create_token(&bob, "acme", "Import");
    server.create_token(&bob, "acme", "Export");
    let note = bob.delete_path("acme", "Import").replace("/delete", "/note");
    let found = |search: &str| names(&alice.get(&format!("{TOKENS}?q={search}")));
    let set = |text: &str| assert_eq!(bob.post(&note, &[("note", text)]).status, 303);

    set("In the Vault of ÄNNE, 100 % safe");
    for search in ["vault", "VAULT", "%C3%A4nne", "import%20vault", "bob%20vault", "100%20%25"] {
        assert_eq!(found(search), ["Import"], "{search}");
    }
    assert!(found("vaults").is_empty());
    assert!(alice.get(TOKENS).text().contains("In the Vault of ÄNNE, 100 % safe"), "the list shows the note");

    set("On the finance server");
    assert_eq!((found("finance"), found("vault")), (vec!["Import".to_owned()], vec![]), "another note");
    set("");
    assert!(found("finance").is_empty(), "no note");

    let long = format!("{} needle", "word ".repeat(50));
    set(&long);
    assert_eq!(found("needle"), ["Import"]);
    let text = alice.get(TOKENS).text();
    assert!(text.contains("word word…") && !text.contains("needle"), "the beginning of a long note: {text}");
    bob.post(&note.replace("/note", "/delete"), &[]);
    assert!(found("needle").is_empty(), "a deleted token");
}

#[db_test]
fn a_note_of_an_older_database_is_found_after_a_start() {
    let server = TestServer::start();
    let (alice, bob) = (server.signed_in("alice"), server.signed_in("bob"));
    server.create_token(&bob, "acme", "Import");
    server.create_token(&bob, "acme", "Export");
    bob.post(&bob.delete_path("acme", "Import").replace("/delete", "/note"), &[("note", "ÄNNE has it")]);
    server.db_execute("UPDATE tokens SET note_key = ''");
    let search = format!("{TOKENS}?q=%C3%A4nne");
    assert!(names(&alice.get(&search)).is_empty(), "an older version does not write the key");
    drop(Db::open(&server.database.url()).unwrap());
    assert_eq!(names(&alice.get(&search)), ["Import"]);
}

#[db_test]
fn the_longest_note_of_the_longest_names_is_saved() {
    let server = TestServer::start();
    let (alice, bob) = (server.signed_in("alice"), server.signed_in("bob"));
    // Characters of four bytes in an order that does not repeat, so that the database can't compress them.
    let text = |length: u32| {
        (0..length).map(|nth| char::from_u32(0x2_0000 + nth * 7919 % 40_000).unwrap()).collect::<String>()
    };
    bob.post("/account/name", &[("name", &text(64))]);
    server.create_token(&bob, "acme", &text(64));
    let list = alice.get(TOKENS).page();
    let token = list.attribute("table.list input[name=token]", "value");
    let saved = bob.post(&format!("/w/acme/settings/tokens/{token}/note"), &[("note", &text(280))]);
    assert_eq!(saved.status, 303, "{}", saved.text());
    let search: String = text(280).chars().skip(270).collect();
    let search = percent_encoding::utf8_percent_encode(&search, percent_encoding::NON_ALPHANUMERIC).to_string();
    assert_eq!(names(&alice.get(&format!("{TOKENS}?q={search}"))).len(), 1);
}
