//! Audit events: their kinds, their insertion and their retention.

pub mod event;
