//! JSON status of a token's first use, which pages poll while they wait for it.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};

use crate::tokens::extract::TokenHolder;
use crate::tokens::pages::list::{TokenPath, find};
use crate::tokens::view::{QUIET, program};
use crate::web::app_state::AppState;
use crate::web::error::PageError;

#[derive(serde::Serialize)]
struct UsageStatus {
    used: bool,
    /// Whether the value on the page is still the current one.
    current: bool,
    at: Option<String>,
    ip: Option<String>,
    /// The program that made the last call: `curl`.
    program: Option<String>,
    /// Whether the value was used and the old value of a rotation was not, for an hour.
    ready: bool,
}

/// Query: the last four characters of the value on the page.
#[derive(serde::Deserialize)]
pub(crate) struct ShownValue {
    hint: Option<String>,
}

/// `GET /w/{slug}/settings/tokens/{uuid}/use.json`
pub(crate) async fn show(
    app: web::Data<AppState>,
    TokenHolder(member): TokenHolder,
    path: TokenPath,
    query: Result<web::Query<ShownValue>, actix_web::Error>,
) -> Result<HttpResponse, PageError> {
    let (token, now) = (find(&app, &member, &path).await?, app.clock.now());
    let is_old_quiet = token.retiring(now).is_some_and(|old| !old.was_used_within(QUIET, now));
    let current = token.current;
    let shown = query.ok().and_then(|query| query.into_inner().hint);
    let is_current = shown.is_none_or(|hint| hint == current.hint);
    let last = current.last_use.filter(|_| is_current);
    let at = last.as_ref().map(|last| last.at.to_string());
    let program = last.as_ref().and_then(|last| last.agent.as_deref()).map(program);
    let body = UsageStatus {
        used: last.is_some(),
        current: is_current,
        at,
        program,
        ready: last.is_some() && is_old_quiet,
        ip: last.and_then(|last| last.ip),
    };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(body))
}
