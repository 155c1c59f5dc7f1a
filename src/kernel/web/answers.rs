//! The last word on every answer: its request id, the log line of a failure, and the page of a mistake of ours.

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web;

use super::{api, page};
use crate::kernel::app::App;
use crate::kernel::id::Id;
use crate::kernel::rng;

/// The header that names a request in the log.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Is this a path for tools, whose errors are JSON?
#[must_use]
pub fn is_for_tools(path: &str) -> bool {
    ["/api", "/auth", "/oauth2"].iter().any(|prefix| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// Middleware around everything: an error becomes an answer here, so that the headers outside it are added to it too.
pub async fn finish(request: ServiceRequest, next: Next<impl MessageBody + 'static>) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let now = request.app_data::<web::Data<App>>().map(|app| app.clock.now());
    let id = now.map(|now| Id::new(now, &mut rng::secure()));
    let id = id.as_ref().map_or("", Id::as_str);
    let http = request.request().clone();
    let mut answer = match next.call(request).await {
        Ok(answer) => answer.map_into_boxed_body(),
        Err(error) => ServiceResponse::from_err(error, http.clone()),
    };
    if answer.status().is_server_error() {
        let why = answer.response().error().map_or_else(String::new, ToString::to_string);
        log::error!("{id} {} {}: {} {why}", http.method(), http.path(), answer.status().as_u16());
        if answer.status() == StatusCode::INTERNAL_SERVER_ERROR {
            let body = if is_for_tools(http.path()) {
                api::problem(StatusCode::INTERNAL_SERVER_ERROR, &format!("Server error. Request id: {id}"))
            } else {
                page::our_mistake(id)
            };
            answer = ServiceResponse::new(http, body);
        }
    }
    if let Ok(value) = HeaderValue::from_str(id) {
        answer.headers_mut().insert(REQUEST_ID, value);
    }
    Ok(answer)
}
