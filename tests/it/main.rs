//! Tests of the real server over HTTP, on `SQLite` and on `PostgreSQL`.
//!
//! Alice is an administrator, Bob a member, Charlie a stranger to their workspaces, Dave an agent.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::unused_self,
    clippy::disallowed_methods,
    clippy::match_same_arms,
    clippy::needless_for_each,
    clippy::struct_field_names,
    clippy::unchecked_time_subtraction,
    missing_docs,
    reason = "a test that can't go on should say where"
)]

// `#[db_test]` and `#[plain_test]`.
#[macro_use]
extern crate latchkey_test_macros;

mod accounts {
    mod login;
    mod one_time_links;
    mod profile;
}
mod activity {
    mod events;
}
mod api {
    mod docs;
    mod forward_auth;
    mod introspection;
    mod rate_limit;
    mod third_party_clients;
    mod users;
    mod v2;
}
mod auth {
    mod auth_cache;
    mod identity_epoch;
}
mod cli;
mod db {
    mod backup;
    mod copy;
    mod database_errors;
    mod schema;
}
mod members {
    mod change_role_and_remove;
    mod invitations;
    mod token_review;
}
mod meta {
    mod architecture;
    mod doc_links;
    mod test_attributes;
    mod vocabulary;
}
mod operations {
    mod crash_safety;
    mod database_outage;
    mod deployment_files;
    mod disk_full_and_clock;
    mod gateway_proxies;
    mod leaks;
    mod multi_instance;
    mod proxy_logs;
    mod standalone_binary;
}
mod security {
    mod bad_input;
    mod security_headers_and_csrf;
}
mod tokens {
    mod create_use_delete;
    mod expiry;
    mod pages;
    mod rotate;
    mod secret_scanning;
    mod token_model;
}
mod usage {
    mod usage_tracking;
}
mod web {
    mod all_routes;
    mod http_parsing;
    mod large_history;
    mod pages;
    mod request_log;
    mod slow_clients;
}
mod workspaces {
    mod create_workspace;
    mod settings;
    mod setup;
}
#[path = "../support/mod.rs"]
mod support;

fn main() -> std::process::ExitCode {
    support::harness::main()
}
