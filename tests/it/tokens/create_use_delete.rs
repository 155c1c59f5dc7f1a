//! The main use: create a token, see its value once, use it, delete it.

use crate::support::TestServer;

#[db_test]
fn alice_creates_uses_and_deletes_a_token() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let empty = alice.get("/w/acme/settings/tokens");
    assert!(empty.text().contains("0 of 3 tokens used."), "{}", empty.text());

    let made = alice.create_token("acme", "Reporting");
    assert_eq!((made.status, made.header("cache-control")), (201, "no-store"));
    let value = made.value();
    assert!(
        made.body.contains(&format!("export LATCHKEY_TOKEN=&#39;{value}&#39;"))
            || made.body.contains(&format!("export LATCHKEY_TOKEN='{value}'")),
        "{}",
        made.body
    );
    let curl = format!("Authorization: Bearer $LATCHKEY_TOKEN\" http://{}/api/v2/workspace.json", server.address);
    assert!(made.text().replace("&quot;", "\"").replace("&#34;", "\"").contains(&curl), "{}", made.text());

    let answer = server.call(&value);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["name"], "Acme");

    let list = alice.get("/w/acme/settings/tokens");
    assert!(!list.body.contains(&value), "a value is shown once");
    assert!(list.text().contains(&format!("Reporting rpat…{}", &value[42..])));

    let deleted = alice.post(&alice.delete_path("acme", "Reporting"), &[]);
    assert_eq!((deleted.status, deleted.header("location")), (303, "/w/acme/settings/tokens"));
    assert!(alice.get("/w/acme/settings/tokens").text().contains("Token Reporting deleted."));
    assert!(!alice.get("/w/acme/settings/tokens").text().contains("Token Reporting deleted."), "said once");
    assert_eq!(server.call(&value).status, 401);
}
