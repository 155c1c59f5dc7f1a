//! Requests in the three schemes, and what their errors look like.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::support::TestServer;
use crate::support::api_client::{Answer, raw};

pub(super) const WORKSPACE: &str = "/api/v2/workspace.json";
pub(super) const MISSING: &str = "Authentication credentials were not provided.";
pub(super) const PERMISSION: &str = "You do not have permission to perform this action.";

/// A well-formed value that no token has.
pub(super) const NOBODYS: &str = "rpat00000000000000000000000000000000000007kL57";

impl TestServer {
    pub(super) fn ask(&self, authorization: &str) -> Answer {
        self.api("GET", WORKSPACE).header("Authorization", authorization).send()
    }

    /// Sends a header that the tests' client refuses to send.
    pub(super) fn ask_raw(&self, authorization: &str) -> String {
        let head =
            format!("GET {WORKSPACE} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {authorization}");
        raw(self.address, format!("{head}\r\n\r\n").as_bytes())
    }

    pub(super) fn ask_as(&self, style: &str, email: &str, value: &str) -> Answer {
        match style {
            "Basic" => self.ask(&basic(email, value)),
            style => self.ask(&format!("{style} {value}")),
        }
    }
}

pub(super) fn basic(email: &str, value: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{email}:{value}")))
}

/// The whole refusal: status, challenge, body.
#[track_caller]
pub(super) fn assert_refused(answer: &Answer, status: u16, challenge: &str, body: &str) {
    let was = (answer.status, answer.header("www-authenticate"), answer.body.as_str());
    assert_eq!(was, (status, challenge, body));
    assert_eq!((answer.header("content-type"), answer.header("cache-control")), ("application/json", "no-store"));
    assert_eq!(answer.headers("vary").collect::<Vec<_>>(), ["Authorization"]);
    assert_eq!(answer.header("x-temba-workspace"), "");
}

/// Asserts the answer to a rejected Bearer value.
#[track_caller]
pub(super) fn assert_bearer_refused(answer: &Answer, status: u16, error: &str, description: &str, detail: &str) {
    let challenge = format!(r#"Bearer realm="latchkey", error="{error}", error_description="{description}""#);
    assert_refused(answer, status, &challenge, &format!(r#"{{"detail":"{detail}","error":"{error}"}}"#));
}

/// Asserts the answer to a rejected Token or Basic value.
#[track_caller]
pub(super) fn assert_told(answer: &Answer, status: u16, detail: &str) {
    assert_refused(answer, status, "", &format!(r#"{{"detail":"{detail}"}}"#));
}
