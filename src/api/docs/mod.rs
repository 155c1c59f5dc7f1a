//! The API reference: a page for people, and an `OpenAPI` document.

pub mod endpoints;
pub mod openapi;
pub mod page;
