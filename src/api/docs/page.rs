//! The documentation: a page for people, a map and an `OpenAPI` document for tools. None asks who is calling.

use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use askama::Template;
use serde_json::{Map, Value};

use crate::api::docs::endpoints::{ENDPOINTS, Endpoint, FAILURES, FAILURES_OF_ALL, Failure};
use crate::api::docs::openapi;
use crate::api::rate_limit::Rate;
use crate::web::app_state::App;
use crate::web::headers::NO_STORE;
use crate::web::html;

#[derive(Template)]
#[template(path = "api/reference.html")]
struct ReferencePage {
    origin: String,
    rate: Option<String>,
    endpoints: &'static [Endpoint],
    failures: Vec<&'static Failure>,
}

/// `GET /api/` and `GET /api/v2/`
pub async fn reference(app: web::Data<App>, rate: Option<web::Data<Rate>>) -> HttpResponse {
    let mut failures: Vec<_> = FAILURES.iter().chain(FAILURES_OF_ALL).collect();
    failures.sort_by_key(|failure| failure.status);
    html::answer(
        StatusCode::OK,
        &ReferencePage {
            origin: app.site.public_url.origin(),
            rate: rate.map(|rate| rate.for_people()),
            endpoints: ENDPOINTS,
            failures,
        },
    )
}

/// `GET /api/v2/.json`: where everything is.
pub async fn map(app: web::Data<App>) -> HttpResponse {
    let named = ENDPOINTS.iter().find(|endpoint| endpoint.id == "map").map_or(&[][..], Endpoint::fields);
    let map: Map<String, Value> = ENDPOINTS
        .iter()
        .filter(|endpoint| named.iter().any(|field| field.name == endpoint.id))
        .map(|endpoint| (endpoint.id.to_owned(), app.site.public_url.join(endpoint.path).into()))
        .collect();
    HttpResponse::Ok().insert_header((CACHE_CONTROL, NO_STORE)).json(map)
}

/// `GET /api/v2/openapi.json`
pub async fn openapi(app: web::Data<App>) -> HttpResponse {
    let document = openapi::document(&app.site.public_url.origin());
    HttpResponse::Ok().insert_header((CACHE_CONTROL, NO_STORE)).json(document)
}
