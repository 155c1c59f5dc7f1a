//! HTTP without features: pages, JSON errors, forms, headers, who is calling from where.

pub mod answers;
pub mod api;
pub mod assets;
pub mod client;
pub mod connections;
pub mod csrf;
pub mod form;
pub mod headers;
pub mod moment;
pub mod page;
pub mod target;
