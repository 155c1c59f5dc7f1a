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

mod account;
mod activity;
mod alone;
mod api;
mod api_docs;
mod api_users;
mod architecture;
mod backup;
mod bad_input;
mod clients;
mod command_line;
mod copy;
mod crash;
mod defences;
mod documents;
mod door;
mod endurance;
mod epoch;
mod evidence;
mod expiry;
mod faults;
mod gateway;
mod general;
mod histories;
mod instances;
mod introspect;
mod invitations;
mod links;
mod log_lines;
mod members;
mod model;
mod new_workspace;
mod operations;
mod outage;
mod oversight;
mod pages;
mod proxies;
mod proxy_logs;
mod rate;
mod rotate;
mod scanners;
mod schema;
mod setup;
mod sign_in;
mod slow;
#[path = "../support/mod.rs"]
mod support;
mod sweep;
mod token_pages;
mod tokens;
mod wire;
mod worst_day;

fn main() -> std::process::ExitCode {
    support::harness::main()
}
