//! Latchkey: personal API access tokens for the members of a workspace, and the API that accepts them.
//!
//! | module | purpose | may import |
//! | --- | --- | --- |
//! | [`base`] | clock, randomness, identifiers, text; no I/O | nothing |
//! | [`db`] | connections, transactions, migrations; the only module that names a backend | `base` |
//! | [`web`] | HTTP without features: forms, errors, headers, the request log | `db` |
//! | [`audit`] | writes the event log | `db` |
//! | [`usage`] | records when, from where and by which program a value was used | `audit`, `db` |
//! | [`config`] | flags and environment, checked | `db` |
//! | [`accounts`] | users, passwords, sessions, one-time links | `web`, `audit`, `config` |
//! | [`workspaces`] | workspaces, memberships, page layout, set-up | `accounts` |
//! | [`tokens`] | tokens, their values and their pages | `workspaces`, `usage` |
//! | [`auth`] | from an Authorization header to a caller | `tokens` |
//! | [`members`] | members, invitations, all tokens of a workspace | `tokens` |
//! | [`activity`] | reads the event log; describes token events in the words of `tokens` | `tokens`, `audit` |
//! | [`api`] | the HTTP API, forward authentication, introspection | `auth` |
//! | [`health`] | probes: `/healthz`, `/readyz` | `accounts` |
//! | [`routes`] | every URL | `health`, every feature |
//! | [`background`] | periodic jobs: flush of token use, purge, planner statistics, top tokens | `tokens` |
//! | [`server`] | builds, runs and stops the HTTP server | `routes`, `background` |
//! | [`cli`] | the command line | everything |
//!
//! A module may also import what the modules it names may import. Inside a feature: `pages, extract → use cases → store →
//! model → db`. No two files import each other in a circle. `tests/it/meta/architecture.rs` checks these rules.

#![warn(unreachable_pub)]

pub mod accounts;
mod activity;
mod api;
pub mod audit;
pub mod auth;
mod background;
pub mod base;
pub mod cli;
pub mod config;
pub mod db;
mod health;
pub mod members;
pub mod routes;
pub mod server;
pub mod tokens;
pub mod usage;
pub mod web;
pub mod workspaces;
