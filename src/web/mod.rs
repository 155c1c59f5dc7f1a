//! HTTP without features: pages, JSON errors, forms, headers, client addresses. Must not name a feature.

mod api_path;
pub(crate) mod app_state;
pub(crate) mod chart;
pub(crate) mod client_info;
pub(crate) mod connection_stream;
pub(crate) mod connections;
pub(crate) mod csrf;
pub(crate) mod error;
pub(crate) mod filter_link;
pub(crate) mod form;
pub(crate) mod headers;
pub(crate) mod html;
pub(crate) mod json;
pub(crate) mod list;
pub(crate) mod redact;
pub(crate) mod request_log;
pub mod static_files;
pub(crate) mod time_view;
