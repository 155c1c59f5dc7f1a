//! Audit of audit.

pub mod event;
