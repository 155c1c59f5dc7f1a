//! HTTP without features: pages, JSON errors, forms, headers, who is calling from where.

pub mod api_path;
pub mod app_state;
pub mod client_info;
pub mod csrf;
pub mod error;
pub mod filter_link;
pub mod form;
pub mod headers;
pub mod html;
pub mod idle_connections;
pub mod json;
pub mod redact;
pub mod request_log;
pub mod static_files;
pub mod time_view;
