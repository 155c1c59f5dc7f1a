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
    mod login_limits;
    mod names_and_passwords;
    mod one_time_links;
    mod password_checks;
    mod profile;
    mod sessions;
    mod verified_email;
}
mod activity {
    mod events;
    mod search;
}
mod api {
    mod assertions;
    mod authentication;
    mod docs;
    mod ended_access;
    mod endpoints;
    mod forward_auth;
    mod introspection;
    mod mistakes;
    mod rate_limit;
    mod third_party_clients;
    mod users;
}
mod auth {
    mod auth_cache;
    mod ended_values;
    mod identity_epoch;
}
mod cli;
mod db {
    mod backup;
    mod copy;
    mod database_errors;
    mod restore;
    mod schema;
}
mod members {
    mod attention_counts;
    mod change_role_and_remove;
    mod invitations;
    mod list_plans;
    mod lists;
    mod many_members;
    mod member_email;
    mod note_search;
    mod reset_link;
    mod token_review;
    mod token_strips;
}
mod meta {
    mod architecture;
    mod doc_links;
    mod test_attributes;
    mod vocabulary;
}
mod operations {
    mod backups;
    mod clear_text;
    mod crash_safety;
    mod database_outage;
    mod deployment_files;
    mod disk_full_and_clock;
    mod gateway_forgery;
    mod gateway_proxies;
    mod gateway_variants;
    mod leaks;
    mod multi_instance;
    mod pgbouncer;
    mod proxy_logs;
    mod purges;
    mod standalone_binary;
    mod tutorial;
}
mod security {
    mod bad_input;
    mod old_credentials;
    mod security_headers_and_csrf;
    mod unauthenticated_rows;
}
mod tokens {
    mod attention;
    mod checklist;
    mod create_use_delete;
    mod deleted;
    mod expiry;
    mod pages;
    mod resent_rotations;
    mod rotate;
    mod rotation_steps;
    mod secret_scanning;
    mod token_model;
    mod token_page;
    mod usage_by_day;
}
mod usage {
    mod usage_counts;
    mod usage_crashes;
    mod usage_events;
    mod usage_origins;
    mod usage_shown;
    mod usage_tracking;
    mod workspace_usage;
    mod workspace_usage_page;
}
mod web {
    mod all_routes;
    mod bidirectional_names;
    mod connection_limits;
    mod http_parsing;
    mod kept_forms;
    mod large_history;
    mod pages;
    mod questions;
    mod refused_forms;
    mod request_log;
    mod slow_clients;
    mod times;
    mod typed_forms;
}
mod workspaces {
    mod create_workspace;
    mod settings;
    mod setup;
    mod switcher;
}
#[path = "../support/mod.rs"]
mod support;

fn main() -> std::process::ExitCode {
    support::harness::main()
}
