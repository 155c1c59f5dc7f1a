//! Reading audit events and usage: the activity page, the page of a token with its calls and events, and the calls of a
//! workspace.

mod describe;
mod event_view;
pub(crate) mod model;
pub(crate) mod page;
mod query;
mod search;
mod store;
pub(crate) mod token_page;
mod token_reader;
mod token_usage_view;
pub(crate) mod usage_csv;
pub(crate) mod usage_fragment;
pub(crate) mod usage_page;
