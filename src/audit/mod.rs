//! Audit events. The page and the API that list them are elsewhere.

pub mod event;
