//! Finds the forms that a signed-in person types into, so that a test of all forms can't miss a new one.

use std::collections::BTreeMap;

use latchkey::routes::PAGES;

use crate::support::TestServer;

/// Every form with visible fields on the pages of Alice, who administers the workspace `acme` and has a token there.
pub struct TypedForms {
    /// The path of Alice's token.
    pub token: String,
    /// The path of Bob's page.
    pub bob: String,
    /// The forms by the path that they are submitted to, each with a page that shows it.
    pub found: BTreeMap<String, String>,
}

impl TypedForms {
    pub fn find(server: &TestServer) -> Self {
        let alice = server.signed_in("alice");
        server.create_token(&alice, "acme", "Reporting");
        let token = alice.delete_path("acme", "Reporting").replace("/delete", "");
        let bob = format!("/w/acme/settings/members/{}", server.uuid_of("bob"));
        let mut found = BTreeMap::new();
        let gets = PAGES.iter().filter(|(route, methods)| methods.contains(&"GET") && !route.contains("{code}"));
        for (route, _) in gets {
            let page = route.replace("{slug}", "acme").replace("/w/acme/settings/members/{member}", &bob);
            let page = page.replace("/w/acme/settings/tokens/{uuid}", &token);
            let shown = alice.get(&page).page();
            // A button without a field is a confirmation.
            let typed =
                "form[method=post]:has(input:not([type=hidden], [type=checkbox], [readonly]), textarea, select)";
            for action in shown.attributes(typed, "action") {
                found.entry(action).or_insert_with(|| page.clone());
            }
        }
        Self { token, bob, found }
    }
}
