//! A house to go through: the real program, with people, workspaces and tokens in it.

use crate::chromium::Window;
use crate::support::api_client::{Answer, Call};
use crate::support::process::{Home, Latchkey};

pub const PASSWORD: &str = "open the door please";
pub const ALICE: &str = "alice@example.org";
pub const TOKENS: &str = "/w/acme/settings/tokens";

/// A server where Alice is administrator of `acme` (production) and `acme-demo` (demo), and Dave agent of `acme`.
pub struct House {
    pub home: Home,
    pub server: Latchkey,
}

impl House {
    pub fn open() -> Self {
        let home = Home::new();
        for (email, name) in [(ALICE, "Alice"), ("dave@example.org", "Dave"), ("eve@example.org", "Eve")] {
            home.done_with(&["user", "add", "--email", email, "--name", name, "--password-stdin"], PASSWORD);
        }
        for (slug, name, kind) in [("acme-demo", "Acme Demo", "demo"), ("acme", "Acme", "production")] {
            home.done(&["workspace", "add", "--slug", slug, "--name", name, "--kind", kind]);
            home.done(&["member", "add", "--workspace", slug, "--email", ALICE, "--role", "administrator"]);
        }
        home.done(&["member", "add", "--workspace", "acme", "--email", "dave@example.org", "--role", "agent"]);
        let server = home.serve_with(&[], "warn");
        Self { home, server }
    }

    pub fn url(&self, path: &str) -> String {
        self.server.url(path)
    }

    pub fn sign_in(&self, window: &Window, email: &str) {
        self.sign_in_with(window, email, PASSWORD);
    }

    pub fn sign_in_with(&self, window: &Window, email: &str, password: &str) {
        window.goto(&self.url("/login"));
        window.forget();
        window.goto(&self.url("/login"));
        window.fill("email", email);
        window.fill("password", password);
        window.click_button("Sign in");
    }

    /// Creates a token where no window is looking.
    pub fn create_token(&self, workspace: &str, name: &str) -> String {
        let made = self.home.done(&["token", "create", "--workspace", workspace, "--email", ALICE, "--name", name]);
        made.trim_end().to_owned()
    }

    /// The names of the live tokens.
    pub fn tokens(&self, workspace: &str) -> Vec<String> {
        let list = self.home.done(&["token", "list", "--workspace", workspace, "--json"]);
        let list: serde_json::Value = serde_json::from_str(&list).unwrap();
        list.as_array().unwrap().iter().map(|token| token["name"].as_str().unwrap().to_owned()).collect()
    }

    pub fn call(&self, value: &str) -> Answer {
        call(&self.server, value)
    }
}

pub fn call(server: &Latchkey, value: &str) -> Answer {
    Call::new(server.address, "GET", "/api/v2/workspace.json").bearer(value).send()
}
