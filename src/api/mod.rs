//! What tokens open: the HTTP API, compatible with RapidPro's v2 where it has the same endpoint, and what reverse proxies
//! and resource servers ask about tokens.

pub mod gateway;
pub mod introspect;
pub mod openapi;
pub mod pages;
pub mod rate;
pub mod reference;
pub mod users;

use actix_web::http::Method;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, VARY};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use serde::Serialize;

use crate::kernel::app::App;
use crate::kernel::clock::Timestamp;
use crate::kernel::id::Id;
use crate::kernel::web::api;
use crate::kernel::web::client::Client;
use crate::kernel::web::headers::{BY_AUTHORIZATION, NO_STORE};
use crate::tokens::extract::ApiError;
use crate::tokens::passes::Opened;
use crate::tokens::{Deletion, Owner, Via, delete, store};
use crate::workspaces::Workspace;
use rate::Admitted;

/// RapidPro's name for the workspace that a token opens.
const WORKSPACE: HeaderName = HeaderName::from_static("x-temba-workspace");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// An answer to somebody who was let in.
fn answer(workspace: &Workspace, status: StatusCode) -> HttpResponseBuilder {
    let mut answer = HttpResponse::build(status);
    answer
        .insert_header((WORKSPACE, workspace.uuid.as_str()))
        .insert_header((CACHE_CONTROL, NO_STORE))
        .insert_header((VARY, BY_AUTHORIZATION));
    answer
}

#[derive(Serialize)]
struct WorkspaceBody<'a> {
    uuid: &'a Id,
    name: &'a str,
    country: &'a str,
    languages: Vec<&'a str>,
    timezone: &'a str,
    date_style: &'a str,
    anon: bool,
    credits: Credits,
    primary_language: Option<&'a str>,
}

/// What RapidPro says of a workspace that is not billed.
#[derive(Serialize)]
struct Credits {
    used: i32,
    remaining: i32,
}

/// `GET /api/v2/workspace.json`, and `org.json`, the name that RapidPro's Python client calls.
pub async fn workspace(Admitted(opened): Admitted<Opened>) -> HttpResponse {
    let body = opened.said(|workspace| Bytes::from(workspace_body(workspace)));
    answer(&opened.workspace, StatusCode::OK).insert_header((CONTENT_TYPE, JSON)).body(body)
}

fn workspace_body(workspace: &Workspace) -> Vec<u8> {
    let profile = &workspace.profile;
    let body = WorkspaceBody {
        uuid: &workspace.uuid,
        name: profile.name.as_str(),
        country: profile.country.as_str(),
        languages: profile.languages.codes().collect(),
        timezone: profile.timezone.as_str(),
        date_style: profile.date_style.as_str(),
        anon: false,
        credits: Credits { used: -1, remaining: -1 },
        primary_language: profile.languages.codes().next(),
    };
    // Text and numbers, which can always be written.
    serde_json::to_vec(&body).unwrap_or_default()
}

#[derive(Serialize)]
struct TokenBody<'a> {
    uuid: &'a Id,
    name: &'a str,
    hint: &'a str,
    workspace: WorkspaceRef<'a>,
    user: UserRef<'a>,
    role: &'a str,
    created_on: Timestamp,
    expires_on: Option<Timestamp>,
    last_used_on: Option<Timestamp>,
    rotating: bool,
    retires_on: Option<Timestamp>,
}

#[derive(Serialize)]
struct WorkspaceRef<'a> {
    uuid: &'a Id,
    slug: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
struct UserRef<'a> {
    uuid: &'a Id,
    email: &'a str,
    name: &'a str,
}

/// `GET /api/v2/token.json`: the token that asks. `hint` and `last_used_on` are of the value that asks; `retires_on`
/// is when the older of two values stops.
pub async fn token(app: web::Data<App>, Admitted(caller): Admitted) -> Result<HttpResponse, ApiError> {
    let (now, asker) = (app.clock.now(), caller.clone());
    let token = app.db.read(move |conn| store::of_caller(conn, &asker)).await?;
    // Deleted between the check and this query: the caller will be told at its next request.
    let Some(token) = token else { return Ok(api::not_found()) };
    let retiring = token.retiring(now);
    let asking = token.values().find(|value| value.key == caller.value).unwrap_or(&token.current);
    let body = TokenBody {
        uuid: &caller.uuid,
        name: caller.name.as_str(),
        hint: &asking.hint,
        workspace: WorkspaceRef {
            uuid: &caller.workspace.uuid,
            slug: caller.workspace.slug.as_str(),
            name: caller.workspace.profile.name.as_str(),
        },
        user: UserRef { uuid: &caller.user.uuid, email: caller.user.email.as_str(), name: caller.user.name.as_str() },
        role: caller.role.as_str(),
        created_on: token.created_at,
        expires_on: token.current.ends_at,
        last_used_on: asking.last_use.as_ref().map(|last| last.at),
        rotating: retiring.is_some(),
        retires_on: retiring.and_then(|value| value.ends_at),
    };
    Ok(answer(&caller.workspace, StatusCode::OK).json(body))
}

/// `DELETE /api/v2/token.json`: deletes the token that asks, so that whoever finds a leaked value can end it.
pub async fn delete_token(
    app: web::Data<App>,
    Admitted(caller): Admitted,
    client: Client,
) -> Result<HttpResponse, ApiError> {
    let owner = Owner::new(caller.membership, &caller.user, &caller.workspace.uuid);
    let deletion = Deletion {
        via: Via::Api,
        by: Some((owner.user, owner.email.clone())),
        client: Some(client),
        at: app.clock.now(),
    };
    let uuid = caller.uuid;
    app.db.write(move |conn| delete(conn, &owner, &uuid, &deletion)).await?;
    Ok(answer(&caller.workspace, StatusCode::NO_CONTENT).finish())
}

/// Any other path under `/api`.
pub async fn not_found() -> HttpResponse {
    api::not_found()
}

/// A method that a path has no handler for: OPTIONS is told which it has, all others are refused. No CORS headers: a token
/// belongs into a program, not into a page of another site.
#[must_use]
pub fn other_method(request: &HttpRequest, allow: &str) -> HttpResponse {
    let allow = format!("{allow}, OPTIONS");
    if request.method() == Method::OPTIONS {
        return HttpResponse::NoContent()
            .insert_header((ALLOW, allow))
            .insert_header((CACHE_CONTROL, NO_STORE))
            .finish();
    }
    api::method_not_allowed(request.method().as_str(), &allow)
}
