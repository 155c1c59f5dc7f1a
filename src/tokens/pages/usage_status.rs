//! Whether a token's value has been used yet: for the page that waits for it.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};

use crate::tokens::extract::TokenHolder;
use crate::tokens::pages::list::{TokenPath, find};
use crate::web::app_state::AppState;
use crate::web::error::PageError;

/// Has the current value of a token been used yet?
#[derive(serde::Serialize)]
struct FirstCall {
    used: bool,
    at: Option<String>,
    ip: Option<String>,
}

/// `GET /w/{slug}/settings/tokens/{uuid}/use.json`
pub async fn show(
    app: web::Data<AppState>,
    TokenHolder(member): TokenHolder,
    path: TokenPath,
) -> Result<HttpResponse, PageError> {
    let last = find(&app, &member, &path).await?.current.last_use;
    let at = last.as_ref().map(|last| last.at.to_string());
    let body = FirstCall { used: last.is_some(), at, ip: last.and_then(|last| last.ip) };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(body))
}
