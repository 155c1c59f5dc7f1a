//! The handlers of the API reference: a page for people, an index and an `OpenAPI` document for tools. All are public;
//! none may show data of a workspace.

use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use askama::Template;
use serde_json::{Map, Value};

use crate::api::docs::endpoints::{AUTH_ERRORS, COMMON_ERRORS, ENDPOINTS, Endpoint, ErrorResponse};
use crate::api::docs::openapi;
use crate::api::rate_limit::RateLimiter;
use crate::web::app_state::AppState;
use crate::web::headers::NO_STORE;
use crate::web::html;

#[derive(Template)]
#[template(path = "api/reference.html")]
struct ReferencePage {
    origin: String,
    rate_limit: Option<String>,
    endpoints: &'static [Endpoint],
    errors: Vec<&'static ErrorResponse>,
}

/// `GET /api/` and `GET /api/v2/`: the reference page.
pub(crate) async fn reference(app: web::Data<AppState>, rate: Option<web::Data<RateLimiter>>) -> HttpResponse {
    let mut errors: Vec<_> = AUTH_ERRORS.iter().chain(COMMON_ERRORS).collect();
    errors.sort_by_key(|error| error.status);
    html::render(
        StatusCode::OK,
        &ReferencePage {
            origin: app.site.public_url.origin(),
            rate_limit: rate.map(|rate| rate.describe()),
            endpoints: ENDPOINTS,
            errors,
        },
    )
}

/// `GET /api/v2/.json`: the URLs of the endpoints.
pub(crate) async fn index(app: web::Data<AppState>) -> HttpResponse {
    let listed = ENDPOINTS.iter().find(|endpoint| endpoint.id == "map").map_or(&[][..], Endpoint::fields);
    let map: Map<String, Value> = ENDPOINTS
        .iter()
        .filter(|endpoint| listed.iter().any(|field| field.name == endpoint.id))
        .map(|endpoint| (endpoint.id.to_owned(), app.site.public_url.join(endpoint.path).into()))
        .collect();
    HttpResponse::Ok().insert_header((CACHE_CONTROL, NO_STORE)).json(map)
}

/// `GET /api/v2/openapi.json`: the `OpenAPI` document.
pub(crate) async fn openapi(app: web::Data<AppState>) -> HttpResponse {
    let document = openapi::document(&app.site.public_url.origin());
    HttpResponse::Ok().insert_header((CACHE_CONTROL, NO_STORE)).json(document)
}
