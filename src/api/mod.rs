//! The HTTP API that tokens authenticate: version 2, compatible with RapidPro where RapidPro has the same endpoint, and
//! the endpoints for reverse proxies and resource servers. The handlers must not use the session.

pub(crate) mod docs;
pub(crate) mod forward_auth;
pub(crate) mod introspection;
pub(crate) mod rate_limit;
pub(crate) mod v2;

use actix_web::http::Method;
use actix_web::http::header::{ALLOW, CACHE_CONTROL};
use actix_web::{HttpRequest, HttpResponse};

use crate::web::headers::NO_STORE;
use crate::web::json;

/// 404 as JSON, for every path without a route.
pub(crate) async fn not_found() -> HttpResponse {
    json::not_found()
}

/// Response to a method without a handler: 204 with Allow for OPTIONS, 405 for all others. No CORS headers, because
/// tokens are for programs and not for pages of other sites.
#[must_use]
pub(crate) fn other_method(request: &HttpRequest, allow: &str) -> HttpResponse {
    let allow = format!("{allow}, OPTIONS");
    if request.method() == Method::OPTIONS {
        return HttpResponse::NoContent()
            .insert_header((ALLOW, allow))
            .insert_header((CACHE_CONTROL, NO_STORE))
            .finish();
    }
    json::method_not_allowed(request.method().as_str(), &allow)
}
