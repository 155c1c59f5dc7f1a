//! A site with everything on its pages, and the URL of each page of the route table.

use std::collections::BTreeMap;

use crate::support::browser_client::Browser;
use crate::support::process::Home;
use crate::window::Window;
use crate::{ALICE, PASSWORD, TestSite};

/// The user whose session opens a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Viewer {
    Anonymous,
    Alice,
    /// Anonymous, on a server without users.
    Setup,
    /// The route has no page: it redirects, or returns JSON, CSV or a part of a page.
    NoPage,
}
use Viewer::{Alice, Anonymous, NoPage, Setup};

/// Each GET route, and its viewer.
pub const ROWS: &[(&str, Viewer)] = &[
    ("/", NoPage),
    ("/setup", Setup),
    ("/login", Anonymous),
    ("/invitations/{code}", Anonymous),
    ("/reset/{code}", Anonymous),
    ("/account", Alice),
    ("/account/name", NoPage),
    ("/account/email", NoPage),
    ("/account/password", NoPage),
    ("/account/time-zone", NoPage),
    ("/account/sessions/end", NoPage),
    ("/account/sessions/{uuid}/end", NoPage),
    ("/workspaces", Alice),
    ("/workspaces/new", Alice),
    ("/w/{slug}", Alice),
    ("/w/{slug}/checklist", NoPage),
    ("/w/{slug}/settings", Alice),
    ("/w/{slug}/settings/members/invitations", Alice),
    ("/w/{slug}/settings/members/invitations/{uuid}/revoke", NoPage),
    ("/w/{slug}/settings/tokens", Alice),
    ("/w/{slug}/settings/tokens/new", Alice),
    ("/w/{slug}/settings/tokens/deleted", Alice),
    ("/w/{slug}/settings/tokens/{uuid}", Alice),
    ("/w/{slug}/settings/tokens/{uuid}/rename", Alice),
    ("/w/{slug}/settings/tokens/{uuid}/note", NoPage),
    ("/w/{slug}/settings/tokens/{uuid}/usage.csv", NoPage),
    ("/w/{slug}/settings/tokens/{uuid}/usage.html", NoPage),
    ("/w/{slug}/settings/tokens/{uuid}/use.json", NoPage),
    ("/w/{slug}/settings/tokens/{uuid}/rotate", Alice),
    ("/w/{slug}/settings/tokens/{uuid}/retire", Alice),
    ("/w/{slug}/settings/tokens/{uuid}/delete", Alice),
    ("/w/{slug}/settings/activity", Alice),
    ("/w/{slug}/settings/usage", Alice),
    ("/w/{slug}/settings/members", Alice),
    ("/w/{slug}/settings/members/tokens", Alice),
    ("/w/{slug}/settings/members/tokens/deleted", Alice),
    ("/w/{slug}/settings/members/tokens/revoke", Alice),
    ("/w/{slug}/settings/members/tokens/{uuid}/revoke", Alice),
    ("/w/{slug}/settings/members/{member}", Alice),
    ("/w/{slug}/settings/members/{member}/email", NoPage),
    ("/w/{slug}/settings/members/{member}/reset", NoPage),
    ("/w/{slug}/settings/members/{member}/remove", Alice),
    ("/w/{slug}/settings/members/{member}/revoke", Alice),
    ("/api", NoPage),
    ("/api/v2", Anonymous),
];

/// The names and the number of workspaces on a [`FullSite`].
pub struct Names {
    plain: String,
    wide: String,
    email: String,
    more_workspaces: u32,
}

impl Names {
    /// The longest names, in wide letters, and forty workspaces.
    pub fn longest() -> Self {
        let email = format!("{}@{}.{}.example.org", "b".repeat(64), "o".repeat(60), "b".repeat(60));
        Self { plain: "W".repeat(64), wide: "国".repeat(64), email, more_workspaces: 38 }
    }

    /// Names of usual length and three workspaces.
    pub fn usual() -> Self {
        Self {
            plain: "Warehouse sync".to_owned(),
            wide: "Survey import".to_owned(),
            email: "bob@example.org".to_owned(),
            more_workspaces: 1,
        }
    }
}

/// A site whose workspace `acme` has tokens, members and an invitation, and the URL of each page.
pub struct FullSite {
    pub site: TestSite,
    // A server without users, and its data.
    _setup_home: Home,
    _setup_server: crate::support::process::Latchkey,
    pub paths: BTreeMap<&'static str, String>,
}

impl FullSite {
    pub fn open(names: &Names) -> Self {
        let site = TestSite::start();
        let home = &site.home;
        let Names { plain, wide, email, more_workspaces } = names;
        home.done_with(&["user", "add", "--email", email, "--name", plain, "--password-stdin"], PASSWORD);
        home.done(&["member", "add", "--workspace", "acme", "--email", email]);
        home.done(&["token", "create", "--workspace", "acme", "--email", email, "--name", plain]);
        for (nth, name) in [plain.clone(), wide.clone(), "Partner system".to_owned()].iter().enumerate() {
            let value = site.create_token("acme", name);
            if nth < 2 {
                assert_eq!(site.call_api(&value).status, 200);
            }
        }
        let alice = Browser::new(site.server.address);
        assert_eq!(alice.sign_in(ALICE, PASSWORD).status, 303);
        let rename = |name: &str| {
            let fields = [("kind", "production"), ("country", "RW"), ("languages", "eng"), ("timezone", "UTC")];
            let fields = [&fields[..], &[("date_style", "day_first"), ("name", name)]].concat();
            assert_eq!(alice.post("/w/acme/settings", &fields).status, 303);
        };
        rename(wide);
        for nth in 0..*more_workspaces {
            let (name, slug) = (format!("Workspace number {nth}"), format!("number-{nth}"));
            let kind = if nth % 2 == 0 { "production" } else { "demo" };
            let created = alice.post("/workspaces/new", &[("name", &name), ("slug", &slug), ("kind", kind)]);
            assert_eq!(created.status, 303, "{}", created.body);
        }
        let token = alice.delete_path("acme", plain).split('/').nth(5).unwrap().to_owned();
        let path = format!("/w/acme/settings/tokens/{token}");
        // The old value is used after the rotation, so that stopping it needs a confirmation.
        let form = alice.get(&format!("{path}/rotate")).hidden("form_key");
        let rotated =
            alice.post(&format!("{path}/rotate"), &[("form_key", &form), ("grace", "7d"), ("expiry", "same")]);
        assert_eq!(site.call_api(&rotated.value()).status, 200);
        let invitations = "/w/acme/settings/members/invitations";
        let form = alice.get(invitations).hidden("form_key");
        let created = alice.post(invitations, &[("role", "editor"), ("note", plain), ("form_key", &form)]);
        let invitation = created.link();
        // For the list.
        let form = alice.get(invitations).hidden("form_key");
        let for_address = [("role", "editor"), ("note", plain), ("email", email), ("form_key", &form)];
        assert_eq!(alice.post(invitations, &for_address).status, 201);
        let members = alice.get(&format!("/w/acme/settings/members?q={email}"));
        let member = members.page().attribute("table.list tbody th a", "href");
        let member = member.rsplit('/').next().unwrap().to_owned();
        let reset = home.done(&["user", "reset-password", "--email", email]).trim().to_owned();
        let setup_home = Home::new();
        let setup_server = setup_home.serve_with(&[], "warn");
        let paths = ROWS.iter().filter(|(_, viewer)| *viewer != NoPage).map(|(route, viewer)| {
            let real = match (*route, viewer) {
                (_, Setup) => setup_server.setup_url(),
                ("/invitations/{code}", _) => invitation.clone(),
                ("/reset/{code}", _) => reset.clone(),
                ("/w/{slug}/settings/members/tokens/revoke", _) => {
                    site.url(&format!("/w/acme/settings/members/tokens/revoke?token={token}"))
                }
                (route, _) => {
                    let path = route.replace("{slug}", "acme").replace("{member}", &member);
                    site.url(&path.replace("{uuid}", &token))
                }
            };
            (*route, real)
        });
        let paths = paths.collect();
        Self { site, _setup_home: setup_home, _setup_server: setup_server, paths }
    }

    /// Calls `check` with the route and the URL of each page, with the viewer signed in.
    pub fn visit(&self, window: &Window, mut check: impl FnMut(&'static str, &str)) {
        for viewer in [Setup, Anonymous, Alice] {
            if viewer == Alice {
                self.site.sign_in(window, ALICE);
                window.wait_for_text("Your role is");
            }
            for (route, _) in ROWS.iter().filter(|(_, row_viewer)| *row_viewer == viewer) {
                check(route, &self.paths[route]);
            }
        }
    }
}
