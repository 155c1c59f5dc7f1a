//! Answers for tools: compact JSON, and the errors that every path under `/api` shares.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CACHE_CONTROL, HeaderValue, RETRY_AFTER};

use crate::web::headers::NO_STORE;

/// The body of an error.
#[derive(serde::Serialize)]
pub struct ErrorBody<'a> {
    /// What happened, in the words that RapidPro's clients know.
    pub detail: &'a str,
    /// RFC 6750's error code, for Bearer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'a str>,
}

/// Answers with `{"detail": …}`.
#[must_use]
pub fn error(status: StatusCode, detail: &str) -> HttpResponse {
    HttpResponse::build(status).insert_header((CACHE_CONTROL, NO_STORE)).json(ErrorBody { detail, error: None })
}

/// 404: nothing is at this path.
#[must_use]
pub fn not_found() -> HttpResponse {
    error(StatusCode::NOT_FOUND, "Not found.")
}

/// 405: `method` is not one of `allow`.
#[must_use]
pub fn method_not_allowed(method: &str, allow: &str) -> HttpResponse {
    let mut answer = error(StatusCode::METHOD_NOT_ALLOWED, &format!("Method \"{method}\" not allowed."));
    if let Ok(allow) = allow.parse() {
        answer.headers_mut().insert(ALLOW, allow);
    }
    answer
}

/// 503: the database does not answer. Never 401 or 403: the tool's token may be good.
#[must_use]
pub fn unavailable() -> HttpResponse {
    let mut answer = error(StatusCode::SERVICE_UNAVAILABLE, "Temporarily unavailable. Try again.");
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    answer
}
