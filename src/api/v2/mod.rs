//! Version 2 of the API. Responses stay compatible with RapidPro's.

pub mod token;
pub mod users;
pub mod workspace;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderName, HeaderValue, VARY};
use actix_web::{HttpResponse, HttpResponseBuilder};

use crate::web::headers::{NO_STORE, VARY_AUTHORIZATION};
use crate::workspaces::model::Workspace;

/// RapidPro's header for the token's workspace.
pub(crate) const WORKSPACE: HeaderName = HeaderName::from_static("x-temba-workspace");

pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Response builder with the headers that every authenticated response has.
pub(crate) fn answer(workspace: &Workspace, status: StatusCode) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response
        .insert_header((WORKSPACE, workspace.uuid.as_str()))
        .insert_header((CACHE_CONTROL, NO_STORE))
        .insert_header((VARY, VARY_AUTHORIZATION));
    response
}
