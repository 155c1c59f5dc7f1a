//! Version 2 of the API.

pub mod token;
pub mod users;
pub mod workspace;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderName, HeaderValue, VARY};
use actix_web::{HttpResponse, HttpResponseBuilder};

use crate::web::headers::{NO_STORE, VARY_AUTHORIZATION};
use crate::workspaces::model::Workspace;

/// RapidPro's name for the workspace that a token opens.
pub(crate) const WORKSPACE: HeaderName = HeaderName::from_static("x-temba-workspace");

pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// An answer to somebody who was let in.
pub(crate) fn answer(workspace: &Workspace, status: StatusCode) -> HttpResponseBuilder {
    let mut answer = HttpResponse::build(status);
    answer
        .insert_header((WORKSPACE, workspace.uuid.as_str()))
        .insert_header((CACHE_CONTROL, NO_STORE))
        .insert_header((VARY, VARY_AUTHORIZATION));
    answer
}
