//! Forms with an error: the summary at the top of the page, and its title.

use crate::support::TestServer;
use crate::support::api_client::Answer;
use crate::web::typed_forms::TypedForms;

/// Asserts that the page begins with a summary whose links lead to these elements, and that its title says so.
#[track_caller]
fn assert_summary(answer: &Answer, targets: &[&str]) {
    let page = answer.page();
    assert_eq!(page.attributes("[autofocus]", "id").first().map(String::as_str), Some("error-summary"));
    assert!(page.title().starts_with("Error: "), "{}", page.title());
    assert_eq!(page.attributes(".error-summary[role=alert][tabindex='-1'][autofocus] a", "href"), targets);
    for target in targets {
        assert!(page.has(target), "{target}: {}", answer.body);
    }
    let errors = page.texts(".error");
    for error in page.texts(".error-summary a") {
        assert!(errors.is_empty() || errors.contains(&error), "{error} stands beside its field too: {errors:?}");
    }
}

/// The path of a form, its fields, and the links of the summary.
type RefusedForm<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [&'a str]);

/// The form that no browser can submit with an error, because one of its two choices is always selected.
const NEVER_REFUSED: &str = "/account/time-zone";

#[db_test]
fn a_refused_form_begins_with_a_summary_that_links_to_the_fields() {
    let server = TestServer::start();
    let typed = TypedForms::find(&server);
    let alice = server.signed_in("alice");
    server.create_token(&server.signed_in("bob"), "acme", "Reporting");
    let (token, bob) = (&typed.token, &typed.bob);
    let reset = server.reset_link("bob");
    let invitation = server.invite(&alice, "editor");
    let date = [("name", ""), ("expiry", "date"), ("expires_on", "2020-01-01")];
    let settings = [("name", "Acme"), ("timezone", "Mars"), ("date_style", "day_first"), ("kind", "production")];
    let kind = [("name", "Acme"), ("timezone", "UTC"), ("date_style", "day_first"), ("kind", "demo")];
    let forms: [RefusedForm<'_>; 15] = [
        ("/w/acme/settings/tokens", &date, &["#name", "#expires_on"]),
        (token, &[("name", "")], &["#name"]),
        (&format!("{token}/note"), &[("note", "two\nlines")], &["#note"]),
        (&format!("{token}/rotate"), &[("grace", "junk")], &["#grace"]),
        ("/w/acme/settings", &settings, &["#timezone"]),
        ("/w/acme/settings", &kind, &["#confirm_kind"]),
        (
            "/w/acme/settings/members/invitations",
            &[("email", "nobody"), ("form_key", "0123456789abcdefABCDEF")],
            &["#role", "#email"],
        ),
        (bob, &[("role", "junk")], &["#role"]),
        (bob, &[("role", "agent")], &["#confirm_role"]),
        (&format!("{bob}/email"), &[("email", "nobody")], &["#email"]),
        ("/workspaces/new", &[("name", "Tea"), ("slug", "-")], &["#kind", "#slug"]),
        ("/account/name", &[("name", "")], &["#name"]),
        ("/account/email", &[("email", "bob@example.org"), ("password", "")], &["#password"]),
        ("/account/password", &[("present_password", "x"), ("new_password", "short")], &["#new_password"]),
        (&reset, &[("password", "short")], &["#password"]),
    ];
    for action in typed.found.keys().filter(|action| *action != NEVER_REFUSED) {
        assert!(forms.iter().any(|(path, ..)| path == action), "{action} has no row");
    }
    for (path, fields, targets) in forms {
        let refused = alice.post(path, fields);
        assert_eq!(refused.status, 422, "{path}: {}", refused.body);
        assert_summary(&refused, targets);
    }
    let anonymous = server.browser();
    assert_summary(
        &anonymous.post(&invitation, &[("email", "kim@example.org"), ("password", "short")]),
        &["#name", "#password"],
    );
    assert_summary(&anonymous.post("/login", &[("email", "alice@example.org"), ("password", "wrong")]), &["#email"]);
    for page in ["/account", "/w/acme/settings", "/w/acme/settings/tokens/new"] {
        let shown = alice.get(page).page();
        assert!(!shown.title().starts_with("Error") && !shown.has(".error-summary"), "{page}");
    }
}

#[db_test]
fn the_sign_in_page_says_why_it_appears() {
    let server = TestServer::start();
    let why = "You’re not signed in, or your session has ended.";
    let browser = server.browser();
    assert!(browser.follow(browser.get("/w/acme/settings").header("location")).text().contains(why));
    assert!(!browser.get("/login").text().contains(why));
}
