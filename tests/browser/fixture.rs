//! A server process with users, workspaces and tokens.

use crate::support::api_client::{Answer, Call};
use crate::support::process::{Home, Latchkey};
use crate::window::Window;

pub const PASSWORD: &str = "correct horse battery staple";
pub const ALICE: &str = "alice@example.org";
pub const DAVE: &str = "dave@example.org";
pub const EVE: &str = "eve@example.org";
/// Alice's token page in the workspace `acme`.
pub const TOKENS: &str = "/w/acme/settings/tokens";

/// A server where Alice is administrator of `acme` (production) and `acme-demo` (demo), Dave is agent of `acme`, and Eve
/// belongs to no workspace.
pub struct TestSite {
    pub home: Home,
    pub server: Latchkey,
}

impl TestSite {
    pub fn start() -> Self {
        let home = Home::new();
        for (email, name) in [(ALICE, "Alice"), (DAVE, "Dave"), (EVE, "Eve")] {
            home.done_with(&["user", "add", "--email", email, "--name", name, "--password-stdin"], PASSWORD);
        }
        for (slug, name, kind) in [("acme-demo", "Acme Demo", "demo"), ("acme", "Acme", "production")] {
            home.done(&["workspace", "add", "--slug", slug, "--name", name, "--kind", kind]);
            home.done(&["member", "add", "--workspace", slug, "--email", ALICE, "--role", "administrator"]);
        }
        home.done(&["member", "add", "--workspace", "acme", "--email", DAVE, "--role", "agent"]);
        let server = home.serve_with(&[], "warn");
        Self { home, server }
    }

    pub fn url(&self, path: &str) -> String {
        self.server.url(path)
    }

    /// Ends the window's session, submits the login form and waits for the page after it.
    pub fn sign_in(&self, window: &Window, email: &str) {
        self.sign_in_with(window, email, PASSWORD);
    }

    pub fn sign_in_with(&self, window: &Window, email: &str, password: &str) {
        window.delete_cookies();
        window.goto(&self.url("/login"));
        submit_login(window, email, password);
    }

    /// Creates a token of Alice's on the command line, and returns its value.
    pub fn create_token(&self, workspace: &str, name: &str) -> String {
        let output = self.home.done(&["token", "create", "--workspace", workspace, "--email", ALICE, "--name", name]);
        output.trim_end().to_owned()
    }

    /// The names of the active tokens.
    pub fn token_names(&self, workspace: &str) -> Vec<String> {
        let list = self.home.done(&["token", "list", "--workspace", workspace, "--json"]);
        let list: serde_json::Value = serde_json::from_str(&list).unwrap();
        list.as_array().unwrap().iter().map(|token| token["name"].as_str().unwrap().to_owned()).collect()
    }

    pub fn call_api(&self, value: &str) -> Answer {
        call_api(&self.server, value)
    }
}

/// Submits the login form that the window shows.
pub fn submit_login(window: &Window, email: &str, password: &str) {
    window.fill("email", email);
    window.fill("password", password);
    window.submit("Sign in");
}

pub fn call_api(server: &Latchkey, value: &str) -> Answer {
    Call::new(server.address, "GET", "/api/v2/workspace.json").bearer(value).send()
}
