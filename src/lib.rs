//! Latchkey: personal API access tokens for the members of a workspace, and the API that those tokens open.
//!
//! | module | purpose | may import |
//! | --- | --- | --- |
//! | [`base`] | clock, randomness, identifiers, text; no I/O | nothing |
//! | [`db`] | connections, transactions, migrations; the only module that names a backend | `base` |
//! | [`web`] | HTTP without features: forms, errors, headers, the request log | `db` |
//! | [`audit`] | writes the event log | `db` |
//! | [`usage`] | records when, from where and by which program a value was used | `db` |
//! | [`config`] | flags and environment, checked | `db` |
//! | [`accounts`] | users, passwords, sessions, one-time links | `web`, `audit`, `config` |
//! | [`workspaces`] | workspaces, memberships, page layout, set-up | `accounts` |
//! | [`tokens`] | tokens, their values and their pages | `workspaces`, `usage` |
//! | [`auth`] | from an Authorization header to a caller | `tokens` |
//! | [`members`] | members, invitations, all tokens of a workspace | `tokens` |
//! | [`activity`] | reads the event log; describes token events in the words of `tokens` | `tokens`, `audit` |
//! | [`api`] | the HTTP API, forward authentication, introspection | `auth` |
//! | [`routes`] | every URL | every feature |
//! | [`server`] | builds, runs and stops the HTTP server | `routes` |
//! | [`cli`] | the command line | everything |
//!
//! A module may also import what the modules it names may import. Inside a feature: `pages, extract → use cases → store →
//! model → db`. No two files import each other in a circle. `tests/it/meta/architecture.rs` checks these rules.

pub mod accounts;
pub mod activity;
pub mod api;
pub mod audit;
pub mod auth;
pub mod base;
pub mod cli;
pub mod config;
pub mod db;
pub mod members;
pub mod routes;
pub mod server;
pub mod tokens;
pub mod usage;
pub mod web;
pub mod workspaces;
