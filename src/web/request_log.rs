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

use crate::base::id::Id;
use crate::base::random;
use crate::web::api_path::is_for_tools;
use crate::web::app_state::App;
use crate::web::{headers, html, idle_connections, json, redact};

/// The header that names a request in the log.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Stands on an answer that is no failure of ours and that whoever runs the server should still know of: one sentence for
/// the log, which only here can say which request it is about.
pub struct Remark(pub &'static str);

/// Middleware around everything, one for all that it does: each costs every request an allocation or two. An error that
/// comes out of a middleware instead of a handler never meets another one, so it gets its headers here too.
pub async fn finish(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, Error> {
    let _turn = idle_connections::turn(&request);
    let app = request.app_data::<web::Data<App>>();
    let is_https = app.is_some_and(|app| app.site.public_url.is_https());
    let id = app.map(|app| Id::new(app.clock.now(), &mut random::secure()));
    let id = id.as_ref().map_or("", Id::as_str);
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let failed = |status: StatusCode, why: &dyn Display| {
        log::error!("{id} {method} {}: {} {why}", redact::without_secrets(uri.path()), status.as_u16());
    };
    let remarked = |status: StatusCode, Remark(what): &Remark| {
        log::warn!("{id} {method} {}: {} {what}", redact::without_secrets(uri.path()), status.as_u16());
    };
    let is_secret = uri.path_and_query().is_some_and(|it| redact::has_secrets(it.as_str()));
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
            if let Some(remark) = answer.response().extensions().get::<Remark>() {
                remarked(status, remark);
            }
            if let Some(named) = named(answer.response(), uri.path(), id) {
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
            answer = named(&answer, uri.path(), id).unwrap_or(answer);
            complete(answer.headers_mut());
            Err(InternalError::from_response(error, answer).into())
        }
    }
}

/// The answer that says which request it is about, in place of one that could not: somebody will ask for it.
fn named<B>(answer: &HttpResponse<B>, path: &str, id: &str) -> Option<HttpResponse> {
    if answer.status() == StatusCode::INTERNAL_SERVER_ERROR {
        Some(our_mistake(path, id))
    } else if answer.extensions().contains::<html::Nameless>() {
        Some(html::unavailable(Some(id)))
    } else {
        None
    }
}

fn our_mistake(path: &str, id: &str) -> HttpResponse {
    if is_for_tools(path) {
        json::problem(StatusCode::INTERNAL_SERVER_ERROR, &format!("Server error. Request id: {id}"))
    } else {
        html::our_mistake(id)
    }
}
