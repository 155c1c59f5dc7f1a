//! Latchkey: personal API access tokens for the members of a workspace, and the API that those tokens open.

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
