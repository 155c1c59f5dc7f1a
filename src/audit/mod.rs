//! Audit events: their kinds, their insertion and their retention, and the actor of a change.

pub mod actor;
pub(crate) mod event;
