//! The kit of the integration tests, the browser tests and the benchmark.
#![allow(
    clippy::disallowed_methods,
    clippy::unused_self,
    reason = "the kit waits for other processes, and its methods read as steps of a test"
)]

pub mod api_client;
pub mod app;
pub mod browser_client;
pub mod database;
pub mod gateway;
pub mod harness;
mod history;
pub mod html;
pub mod machine;
mod people;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod query_log;
pub mod raw_api;
pub mod requirement;
pub mod wait;

pub use app::{NOON, TABLES, TestServer, https_settings, plain_settings, proxy_settings};
pub use people::PASSWORD;
