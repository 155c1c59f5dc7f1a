//! Reading audit events: the activity page, and the page of a token with its calls and events.

mod describe;
mod event_view;
pub(crate) mod model;
pub(crate) mod page;
mod query;
mod search;
mod store;
pub(crate) mod token_page;
mod token_usage_view;
