//! The kit of the integration tests, the browser tests and the benchmark.

pub mod api_client;
pub mod app;
pub mod browser_client;
pub mod database;
pub mod harness;
pub mod html;
mod people;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod requirement;
pub mod wait;

pub use app::{NOON, TABLES, TestServer, https_settings, plain_settings, proxy_settings};
pub use people::PASSWORD;
