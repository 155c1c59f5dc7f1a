//! Stories in a real browser, on the real program: what only a browser can show. Alice owns, Dave is an agent.
//!
//! They need Chromium (`apt-get install chromium chromium-driver`) and, for what is said of accessibility, axe-core,
//! which no Rust registry has:
//! `mkdir -p target/axe && npm pack --silent --pack-destination target/axe axe-core@4 && tar xzf target/axe/axe-core-*.tgz -C target/axe --strip-components 1 package/axe.min.js`
//! Without them they say so and pass; with `CI=true` they fail. Pictures of every page go to `target/screenshots`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    dead_code,
    missing_docs,
    reason = "a test that can't go on should say where"
)]

mod chromium;
mod gallery;
mod house;
mod journeys;
mod life;
mod pages;
mod people;
mod states;
#[path = "../support/mod.rs"]
#[allow(unused_imports, reason = "the integration tests use the rest")]
mod support;
mod team;
mod tokens;
mod ways;

use gallery::Gallery;
use house::{ALICE, House, PASSWORD, TOKENS, call};
