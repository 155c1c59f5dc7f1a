//! Docs of api.

pub mod endpoints;
pub mod openapi;
pub mod page;
