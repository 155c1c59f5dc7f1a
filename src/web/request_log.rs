//! The outermost middleware: limit of the request's head, request id, security headers, error log, and error pages that
//! show the request id.

use std::fmt::Display;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};

use crate::base::id::PublicId;
use crate::base::random;
use crate::web::api_path::is_api_path;
use crate::web::app_state::AppState;
use crate::web::{connections, headers, html, json, redact};

/// Response header with the request id, which is also in the log.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Extension of a response that is not a server error but that the operator should know of: a sentence that [`finalize`]
/// logs as a warning, with the request.
pub(crate) struct LogNote(pub &'static str);

/// The middleware. It is a single one, because each middleware costs every request an allocation or two. Errors of inner
/// middleware get their headers here too, because no other middleware sees them.
pub(crate) async fn finalize(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, Error> {
    let _guard = connections::handle(&request);
    let app = request.app_data::<web::Data<AppState>>();
    let is_https = app.is_some_and(|app| app.site.public_url.is_https());
    let id = app.map(|app| PublicId::new(app.clock.now(), &mut random::os_rng()));
    let id = id.as_ref().map_or("", PublicId::as_str);
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let log_failure = |status: StatusCode, reason: &dyn Display| {
        log::error!("{id} {method} {}: {} {reason}", redact::redact_url(uri.path()), status.as_u16());
    };
    let log_note = |status: StatusCode, LogNote(note): &LogNote| {
        log::warn!("{id} {method} {}: {} {note}", redact::redact_url(uri.path()), status.as_u16());
    };
    let has_secret_url = uri.path_and_query().is_some_and(|target| redact::contains_secret(target.as_str()));
    let add_headers = |headers: &mut HeaderMap| {
        headers::add_security(headers, is_https, has_secret_url);
        if is_api_path(uri.path()) {
            headers::add_api(headers);
        }
        if let Ok(id) = HeaderValue::from_str(id) {
            headers.insert(REQUEST_ID, id);
        }
    };

    let result = match headers::reject_long_head(&request) {
        Some(rejection) => Ok(request.into_response(rejection).map_into_right_body()),
        None => next.call(request).await.map(ServiceResponse::map_into_left_body),
    };
    match result {
        Ok(mut response) => {
            let status = response.status();
            if status.is_server_error() {
                log_failure(status, &response.response().error().map_or_else(String::new, ToString::to_string));
            }
            if let Some(note) = response.response().extensions().get::<LogNote>() {
                log_note(status, note);
            }
            if let Some(replacement) = with_request_id(response.response(), uri.path(), id) {
                response = response.into_response(replacement).map_into_right_body();
            }
            add_headers(response.headers_mut());
            Ok(response)
        }
        Err(error) => {
            let mut response = error.error_response();
            if response.status().is_server_error() {
                log_failure(response.status(), &error);
            }
            response = with_request_id(&response, uri.path(), id).unwrap_or(response);
            add_headers(response.headers_mut());
            Err(InternalError::from_response(error, response).into())
        }
    }
}

/// Returns a response that shows the request id, to replace a 500 or one with [`html::NeedsRequestId`].
fn with_request_id<B>(response: &HttpResponse<B>, path: &str, id: &str) -> Option<HttpResponse> {
    if response.status() == StatusCode::INTERNAL_SERVER_ERROR {
        Some(internal_error(path, id))
    } else if response.extensions().contains::<html::NeedsRequestId>() {
        Some(html::unavailable(Some(id)))
    } else {
        None
    }
}

fn internal_error(path: &str, id: &str) -> HttpResponse {
    if is_api_path(path) {
        json::error(StatusCode::INTERNAL_SERVER_ERROR, &format!("Server error. Request ID: {id}"))
    } else {
        html::internal_error(id)
    }
}
