//! The questions before a change: a dialog for browsers that have dialogs, a page for the others.

use latchkey::workspaces::model::Role;

use crate::support::TestServer;

#[db_test]
fn a_dialog_asks_the_same_question_as_its_page() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "<b>\"R&D\"</b>");
    let delete = alice.delete_path("acme", "<b>\"R&D\"</b>");
    let (list, token) = ("/w/acme/settings/tokens", delete.trim_end_matches("/delete"));
    let form_key = alice.get(&format!("{token}/rotate")).hidden("form_key");
    let rotated = alice.post(&format!("{token}/rotate"), &[("form_key", &form_key), ("grace", "24h")]);
    assert_eq!((rotated.status, server.call(&value).status), (201, 200), "the old value is needed");
    server.flush();

    let member = |name: &str| format!("/w/acme/settings/members/{}", server.uuid_of(name));
    let bob = member("bob");
    server.add_to_acme("charlie", Role::Administrator);
    for (path, page, question, target) in [
        (list, delete.clone(), "Delete token “<b>\"R&D\"</b>”?", list),
        (list, format!("{token}/retire"), "Stop the old value of “<b>\"R&D\"</b>”?", list),
        (&bob, format!("{bob}/remove"), "Remove Bob?", &bob),
        (&member("alice"), format!("{}/remove", member("alice")), "Leave the workspace?", &member("alice")),
        (&member("alice"), format!("{}/revoke", member("alice")), "Revoke all tokens of Alice?", &member("alice")),
    ] {
        let (dialogs, asked) = (alice.get(path).page(), alice.get(&page).page());
        let section = asked.text_of("section.ask");
        assert!(section.starts_with(question), "{section}");
        assert!(dialogs.texts("dialog.ask").contains(&section), "{section}: {:?}", dialogs.texts("dialog.ask"));
        let form = format!("form[action='{page}']");
        assert!(dialogs.has(&format!("dialog.ask {form} [data-close][autofocus]")), "{question}");
        assert_eq!(asked.attribute(&format!("section.ask {form} a[autofocus]"), "href"), target, "{question}");
        let label = dialogs.attribute(&format!("dialog.ask:has({form})"), "aria-labelledby");
        assert_eq!(dialogs.text_of(&format!("[id='{label}']")), question);
    }
}
