//! Latchkey: personal API access tokens for the members of a workspace, and the API that those tokens open.
//!
//! | module | what it is for | what it may import |
//! | --- | --- | --- |
//! | [`kernel`] | time, randomness, ids, the database, the web | nothing of ours |
//! | [`accounts`] | who you are: users, passwords, sessions, sign-in, links that work once | `kernel` |
//! | [`workspaces`] | where you are: workspaces, memberships, the shell around pages, set-up | and `accounts` |
//! | [`tokens`] | what opens the API: tokens, their pages, their check | and `workspaces` |
//! | [`team`] | who else is here: members, invitations, everybody's tokens, what happened | and `tokens` |
//! | [`api`] | what tokens open: the HTTP API | and `tokens` |
//! | [`routes`] | every URL of the program | every feature |
//! | [`config`], [`server`] | settings, checked; the HTTP server, built from them | `routes` |
//!
//! Inside a feature: `pages, extract → mod → store → kernel::db`. `tests/it/architecture.rs` keeps both rules.

pub mod accounts;
pub mod api;
pub mod config;
pub mod kernel;
pub mod routes;
pub mod server;
pub mod team;
pub mod tokens;
pub mod workspaces;
