//! JSON responses, and the errors that all paths under `/api` share.

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CACHE_CONTROL, HeaderValue, RETRY_AFTER};
use actix_web::web::Bytes;
use actix_web::{HttpResponse, ResponseError};

use crate::web::headers::NO_STORE;

/// A response body that can't be serialized: 500, which [`crate::web::request_log`] logs with the reason.
#[derive(Debug, thiserror::Error)]
#[error("can't serialize a response: {0}")]
pub(crate) struct SerializeError(#[from] serde_json::Error);

impl ResponseError for SerializeError {}

/// Serializes the body of a response.
pub(crate) fn to_body(value: &impl serde::Serialize) -> Result<Bytes, SerializeError> {
    Ok(serde_json::to_vec(value)?.into())
}

/// The body of an error.
#[derive(serde::Serialize)]
pub(crate) struct ErrorBody<'a> {
    /// The message, in RapidPro's words where RapidPro has the error too.
    pub detail: &'a str,
    /// The error code for Bearer credentials (RFC 6750, section 3.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'a str>,
}

/// Creates a response with the body `{"detail": …}`.
#[must_use]
pub(crate) fn error(status: StatusCode, detail: &str) -> HttpResponse {
    HttpResponse::build(status).insert_header((CACHE_CONTROL, NO_STORE)).json(ErrorBody { detail, error: None })
}

/// Creates the response for an unknown path: 404.
#[must_use]
pub(crate) fn not_found() -> HttpResponse {
    error(StatusCode::NOT_FOUND, "Not found.")
}

/// Creates the response for a method that is not in `allow`: 405.
#[must_use]
pub(crate) fn method_not_allowed(method: &str, allow: &str) -> HttpResponse {
    let mut response = error(StatusCode::METHOD_NOT_ALLOWED, &format!("Method \"{method}\" not allowed."));
    if let Ok(allow) = allow.parse() {
        response.headers_mut().insert(ALLOW, allow);
    }
    response
}

/// Creates the response for an unavailable database: 503. Never 401 or 403, because the token may be valid.
#[must_use]
pub(crate) fn unavailable() -> HttpResponse {
    let mut response = error(StatusCode::SERVICE_UNAVAILABLE, "Temporarily unavailable. Try again.");
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::{App, middleware, test, web};

    /// A value that can't be serialized.
    struct Broken;

    impl serde::Serialize for Broken {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("broken"))
        }
    }

    async fn handler() -> Result<HttpResponse, SerializeError> {
        Ok(HttpResponse::Ok().body(to_body(&Broken)?))
    }

    #[actix_web::test]
    async fn a_body_that_cannot_be_serialized_is_a_500_with_its_reason() {
        let app = test::init_service(App::new().route("/api/x", web::get().to(handler))).await;
        let response = test::call_service(&app, test::TestRequest::get().uri("/api/x").to_request()).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let error = response.response().error().map(ToString::to_string);
        assert_eq!(error.as_deref(), Some("can't serialize a response: broken"));
    }

    #[actix_web::test]
    async fn the_client_gets_the_500_as_json_without_the_reason() {
        let app = App::new().route("/api/x", web::get().to(handler));
        let app = test::init_service(app.wrap(middleware::from_fn(crate::web::request_log::finalize))).await;
        let response = test::call_service(&app, test::TestRequest::get().uri("/api/x").to_request()).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(test::read_body(response).await, r#"{"detail":"Server error. Request ID: "}"#);
    }
}
