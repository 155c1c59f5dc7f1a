//! Stories told to the real server over HTTP. Alice owns, Bob is in the team, Charlie is a stranger, Dave is an agent.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a test that can't go on should say where")]

mod architecture;
mod schema;
mod support;
mod tokens;
