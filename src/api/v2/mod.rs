//! Version 2 of the API. Responses stay compatible with RapidPro's.

pub(crate) mod token;
pub(crate) mod users;
pub(crate) mod workspace;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder};

use crate::web::headers::NO_STORE;
use crate::workspaces::model::Workspace;

/// RapidPro's header for the token's workspace.
pub(crate) const WORKSPACE: HeaderName = HeaderName::from_static("x-temba-workspace");

pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Response builder with the headers that every authenticated response has.
pub(crate) fn response_builder(workspace: &Workspace, status: StatusCode) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response.insert_header((WORKSPACE, workspace.uuid.as_str())).insert_header((CACHE_CONTROL, NO_STORE));
    response
}
