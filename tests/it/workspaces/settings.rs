//! The settings of a workspace: who saves them, invalid input, and the confirmation of a change of kind.

use diesel::connection::SimpleConnection as _;

use crate::support::api_client::Answer;
use crate::support::browser_client::Browser;
use crate::support::database::rows;
use crate::support::wait::wait_until;
use crate::support::{TABLES, TestServer};

const PATH: &str = "/w/acme/settings";

const DEMOTION: &str =
    "UPDATE memberships SET role = 'editor' WHERE user_id = (SELECT id FROM users WHERE name = 'Alice')";

/// Sends the form as it is at first but for these fields.
fn save(browser: &Browser, changes: &[(&str, &str)]) -> Answer {
    let fields = [
        ("name", "Acme"),
        ("kind", "production"),
        ("country", ""),
        ("languages", "eng"),
        ("timezone", "UTC"),
        ("date_style", "day_first"),
    ];
    let kept = fields.iter().filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    browser.post(PATH, &kept.chain(changes).copied().collect::<Vec<_>>())
}

/// What the form shows in a field.
fn shown(answer: &Answer, id: &str) -> String {
    let page = answer.page();
    if page.has(&format!("select#{id}")) {
        return page.attributes(&format!("select#{id} option[selected]"), "value").join(" ");
    }
    page.attribute(&format!("input#{id}"), "value")
}

#[db_test]
fn saved_settings_are_visible_to_every_member() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    let changes = [
        ("name", " Tea & <b>Co.</b> "),
        ("country", "rw"),
        ("languages", "KIN, eng; fra kin"),
        ("timezone", "africa/kigali"),
        ("date_style", "year_first"),
    ];
    let saved = save(&alice, &changes);
    assert_eq!((saved.status, saved.header("location")), (303, PATH));
    let page = alice.get(PATH);
    assert!(page.text().contains("Settings saved."), "{}", page.text());
    assert!(!alice.get(PATH).text().contains("Settings saved."), "said once");
    for (field, text) in [
        ("name", "Tea & <b>Co.</b>"),
        ("kind", "production"),
        ("country", "RW"),
        ("languages", "kin, eng, fra"),
        ("timezone", "Africa/Kigali"),
        ("date_style", "year_first"),
    ] {
        assert_eq!(shown(&page, field), text);
    }
    let told = server.call(&value).json();
    assert_eq!(told["name"], "Tea & <b>Co.</b>");
    assert_eq!((&told["country"], &told["timezone"]), (&"RW".into(), &"Africa/Kigali".into()));
    assert_eq!(told["languages"], serde_json::json!(["kin", "eng", "fra"]));
    assert_eq!((&told["primary_language"], &told["date_style"]), (&"kin".into(), &"year_first".into()));
    assert_eq!(server.signed_in("bob").get("/w/acme").status, 200, "the slug stays");
}

#[db_test]
fn a_stored_language_code_that_is_missing_in_iso_639_3_is_still_readable() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    server.db_execute("UPDATE workspaces SET languages = 'eng,zzz' WHERE slug = 'acme'");
    assert_eq!(server.call(&value).json()["languages"], serde_json::json!(["eng", "zzz"]));
    assert_eq!(shown(&alice.get(PATH), "languages"), "eng, zzz");
    assert_eq!(save(&alice, &[("languages", "eng, zzz")]).status, 422);
}

#[db_test]
fn members_who_are_no_administrators_read_the_settings_and_cannot_save_them() {
    let server = TestServer::start();
    let before = server.db_rows(&["workspaces"]);
    for name in ["bob", "dave"] {
        let browser = server.signed_in(name);
        let page = browser.get(PATH);
        let main = page.between("<main id=\"main\">", "</main>").unwrap();
        assert!(page.text().contains("Only administrators can change them. Name Acme Kind Production Country Not set Languages eng Time zone UTC Date format Day first (23 Nov 2026)"), "{}", page.text());
        assert!(!main.contains("<form") && !main.contains("<input"), "{main}");
        let refused = save(&browser, &[("name", "Mine")]);
        assert_eq!((refused.status, &*refused.title()), (403, "Only administrators can change this · Latchkey"));
        assert!(refused.text().contains("Nothing was changed. Ask an administrator of Acme to make the change."));
    }
    assert_eq!(save(&server.signed_in("charlie"), &[("name", "Mine")]).status, 404);
    assert_eq!(server.db_rows(&["workspaces"]), before);
}

#[db_test]
fn rejected_settings_keep_the_form_input_and_change_nothing() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    alice.get(PATH);
    let before = server.db_rows(&TABLES);
    let languages = "Enter three-letter language codes (ISO 639-3), separated by commas, like eng, fra.";
    let zone = "Enter a time zone name, like Africa/Kigali, Europe/Berlin or UTC.";
    for (field, text, message) in [
        ("name", "", "Enter a name."),
        ("name", &"x".repeat(65), "Use at most 64 characters."),
        ("country", "XX", "Enter a two-letter country code, like RW or DE, or leave it empty."),
        ("country", "Rwanda", "Enter a two-letter country code, like RW or DE, or leave it empty."),
        ("languages", "english", languages),
        ("languages", "en", languages),
        ("languages", "eng,fré", languages),
        ("languages", "eng, zzz", "“zzz” is not a language code of ISO 639-3."),
        ("timezone", "Mars/Olympus", zone),
        ("timezone", "", zone),
        ("kind", "staging", "Choose demo or production."),
        ("date_style", "backwards", "Choose a date format."),
    ] {
        let other = if field == "timezone" { ("country", "rw") } else { ("timezone", "Europe/Berlin") };
        let answer = save(&alice, &[(field, text), other]);
        assert_eq!(answer.status, 422, "{field} {text}");
        assert!(answer.body.contains(&message.replace('\'', "&#39;")), "{message}: {}", answer.body);
        let is_choice = matches!(field, "kind" | "date_style");
        assert_eq!(shown(&answer, field), if is_choice { "" } else { text });
        assert_eq!(shown(&answer, other.0), other.1, "what was right is kept too");
        assert_eq!(answer.title(), "Error: General · Acme (Production) · Latchkey");
    }
    assert_eq!(server.db_rows(&TABLES), before);
}

#[db_test]
fn a_change_of_kind_needs_confirmation() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    let before = server.db_rows(&["workspaces"]);
    for confirmed in [&[][..], &[("confirm_kind", "production")], &[("confirm_kind", "yes")]] {
        let asked = save(&alice, &[&[("kind", "demo"), ("country", "rw")], confirmed].concat());
        assert_eq!(asked.status, 422);
        assert!(asked.text().contains("Mark this as a demo workspace?"), "{}", asked.text());
        assert!(asked.body.contains("name=\"confirm_kind\" value=\"demo\""));
        assert_eq!([shown(&asked, "kind"), shown(&asked, "country")], ["demo", "rw"]);
        assert_eq!(asked.title(), "Error: General · Acme (Production) · Latchkey");
    }
    assert_eq!(server.db_rows(&["workspaces"]), before);

    assert_eq!(save(&alice, &[("kind", "demo"), ("confirm_kind", "demo")]).status, 303);
    assert_eq!(alice.get(PATH).title(), "General · Acme (Demo) · Latchkey");
    assert_eq!(server.call(&value).status, 200, "tokens keep working");
    assert_eq!(save(&alice, &[("kind", "demo")]).status, 303, "asked only when it changes");
}

#[db_test(postgres)]
fn a_role_lost_while_the_form_waits_for_the_lock_changes_nothing() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let (mut other, mut watch) = (server.database.connect(), server.database.connect());
    other.batch_execute("BEGIN; UPDATE workspaces SET slug = slug").unwrap();
    std::thread::scope(|scope| {
        let saved = scope.spawn(move || save(&alice, &[("name", "Hers")]).status);
        let blocked = "SELECT 'yes' AS text FROM pg_locks WHERE NOT granted";
        wait_until("the change waits for the lock", || !rows(&mut watch, blocked).is_empty());
        other.batch_execute(&format!("{DEMOTION}; COMMIT")).unwrap();
        assert_eq!(saved.join().unwrap(), 403);
    });
    assert_eq!(server.rows("SELECT name AS text FROM workspaces WHERE slug = 'acme'"), ["Acme"]);
}

/// `SQLite` does not show which connection waits for its lock. Here the first statement of the transaction, which takes
/// the lock, changes the role.
#[db_test(sqlite)]
fn a_role_lost_after_its_first_check_changes_nothing() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    server.db_alter(&format!("CREATE TRIGGER demote AFTER UPDATE ON workspaces BEGIN {DEMOTION}; END"));
    assert_eq!(save(&alice, &[("name", "Hers")]).status, 403);
    assert_eq!(server.rows("SELECT name AS text FROM workspaces WHERE slug = 'acme'"), ["Acme"]);
}

#[db_test]
fn saving_unchanged_settings_writes_no_event() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let changes = || server.rows("SELECT detail AS text FROM events WHERE action = 'workspace_changed'");
    assert_eq!(save(&alice, &[]).status, 303);
    assert_eq!(changes(), Vec::<String>::new());
    for _ in 0..2 {
        assert_eq!(save(&alice, &[("name", "Tea")]).status, 303);
    }
    assert_eq!(changes(), ["name (Acme to Tea)"]);
}
