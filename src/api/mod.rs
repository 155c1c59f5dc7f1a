//! What tokens open: the HTTP API, compatible with RapidPro's v2 where it has the same endpoint, and what reverse proxies
//! and resource servers ask about tokens.

pub mod docs;
pub mod forward_auth;
pub mod introspection;
pub mod rate_limit;
pub mod v2;

use actix_web::http::Method;
use actix_web::http::header::{ALLOW, CACHE_CONTROL};
use actix_web::{HttpRequest, HttpResponse};

use crate::web::headers::NO_STORE;
use crate::web::json;

/// Any other path under `/api`.
pub async fn not_found() -> HttpResponse {
    json::not_found()
}

/// A method that a path has no handler for: OPTIONS is told which it has, all others are refused. No CORS headers: a token
/// belongs into a program, not into a page of another site.
#[must_use]
pub fn other_method(request: &HttpRequest, allow: &str) -> HttpResponse {
    let allow = format!("{allow}, OPTIONS");
    if request.method() == Method::OPTIONS {
        return HttpResponse::NoContent()
            .insert_header((ALLOW, allow))
            .insert_header((CACHE_CONTROL, NO_STORE))
            .finish();
    }
    json::method_not_allowed(request.method().as_str(), &allow)
}
