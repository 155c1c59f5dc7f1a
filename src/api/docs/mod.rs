//! The API reference: a page for people, and an `OpenAPI` document.

mod endpoints;
mod openapi;
pub(crate) mod page;
