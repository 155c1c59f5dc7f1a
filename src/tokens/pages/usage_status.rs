//! JSON status of a token's first use, which pages poll while they wait for it.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};

use crate::tokens::extract::TokenHolder;
use crate::tokens::pages::list::{TokenPath, find};
use crate::web::app_state::AppState;
use crate::web::error::PageError;

#[derive(serde::Serialize)]
struct UsageStatus {
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
    let body = UsageStatus { used: last.is_some(), at, ip: last.and_then(|last| last.ip) };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(body))
}
