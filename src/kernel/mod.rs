//! What every feature stands on: time, randomness, ids, the database, the web. It knows no feature.

pub mod app;
pub mod clock;
pub mod db;
pub mod error;
pub mod id;
pub mod rng;
pub mod text;
pub mod web;
