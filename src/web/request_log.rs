//! The first word on every request and the last on every answer: the limit of its head, its request id, the log line of a
//! failure, and the page of a mistake of ours.

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
use crate::web::{headers, html, idle_connections, json, redact};

/// The header that names a request in the log.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Stands on an answer that is no failure of ours and that whoever runs the server should still know of: one sentence for
/// the log, which only here can say which request it is about.
pub struct LogNote(pub &'static str);

/// Middleware around everything, one for all that it does: each costs every request an allocation or two. An error that
/// comes out of a middleware instead of a handler never meets another one, so it gets its headers here too.
pub async fn finalize(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, Error> {
    let _turn = idle_connections::request_guard(&request);
    let app = request.app_data::<web::Data<AppState>>();
    let is_https = app.is_some_and(|app| app.site.public_url.is_https());
    let id = app.map(|app| PublicId::new(app.clock.now(), &mut random::os_rng()));
    let id = id.as_ref().map_or("", PublicId::as_str);
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let failed = |status: StatusCode, why: &dyn Display| {
        log::error!("{id} {method} {}: {} {why}", redact::redact_url(uri.path()), status.as_u16());
    };
    let remarked = |status: StatusCode, LogNote(what): &LogNote| {
        log::warn!("{id} {method} {}: {} {what}", redact::redact_url(uri.path()), status.as_u16());
    };
    let is_secret = uri.path_and_query().is_some_and(|it| redact::contains_secret(it.as_str()));
    let complete = |headers: &mut HeaderMap| {
        headers::add_security(headers, is_https, is_secret);
        if let Ok(id) = HeaderValue::from_str(id) {
            headers.insert(REQUEST_ID, id);
        }
    };

    let answer = match headers::refuse_long_head(&request) {
        Some(refusal) => Ok(request.into_response(refusal).map_into_right_body()),
        None => next.call(request).await.map(ServiceResponse::map_into_left_body),
    };
    match answer {
        Ok(mut answer) => {
            let status = answer.status();
            if status.is_server_error() {
                failed(status, &answer.response().error().map_or_else(String::new, ToString::to_string));
            }
            if let Some(remark) = answer.response().extensions().get::<LogNote>() {
                remarked(status, remark);
            }
            if let Some(named) = with_request_id(answer.response(), uri.path(), id) {
                answer = answer.into_response(named).map_into_right_body();
            }
            complete(answer.headers_mut());
            Ok(answer)
        }
        Err(error) => {
            let mut answer = error.error_response();
            if answer.status().is_server_error() {
                failed(answer.status(), &error);
            }
            answer = with_request_id(&answer, uri.path(), id).unwrap_or(answer);
            complete(answer.headers_mut());
            Err(InternalError::from_response(error, answer).into())
        }
    }
}

/// The answer that says which request it is about, in place of one that could not: somebody will ask for it.
fn with_request_id<B>(answer: &HttpResponse<B>, path: &str, id: &str) -> Option<HttpResponse> {
    if answer.status() == StatusCode::INTERNAL_SERVER_ERROR {
        Some(internal_error(path, id))
    } else if answer.extensions().contains::<html::NeedsRequestId>() {
        Some(html::unavailable(Some(id)))
    } else {
        None
    }
}

fn internal_error(path: &str, id: &str) -> HttpResponse {
    if is_api_path(path) {
        json::error(StatusCode::INTERNAL_SERVER_ERROR, &format!("Server error. Request id: {id}"))
    } else {
        html::internal_error(id)
    }
}
