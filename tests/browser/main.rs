//! End-to-end tests in Chromium against a server process. They cover behaviour that needs a browser: scripts, focus,
//! rendering, accessibility and navigation. Alice is administrator, Dave is an agent, Eve belongs to no workspace.
//!
//! A test whose requirement is missing is reported as ignored, and the end of the run lists how to install it. With
//! `CI=true` such a test fails. Screenshots of the pages go to `target/screenshots`.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a failed step fails its test")]

mod all_pages;
mod everyday_errors;
mod fixture;
mod full_site;
mod keyboard_tabs_noscript;
mod members;
mod navigation;
mod new_value;
mod onboarding;
mod page_audit;
mod page_states;
mod page_weight;
mod tab_stops;
mod token_lifecycle;
mod token_pages;
mod tokens_from_start_to_end;
mod window;

#[allow(dead_code, unused_imports, reason = "the integration tests use the rest")]
#[path = "../support/mod.rs"]
mod support;

use fixture::{ALICE, DAVE, EVE, PASSWORD, TOKENS, TestSite, call_api, submit_login};
use page_audit::PageAudit;

fn main() -> std::process::ExitCode {
    support::harness::main()
}
