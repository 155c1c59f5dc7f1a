//! `GET` and `DELETE /api/v2/token.json`: the token of the request. A response must not contain a token's value.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Serialize;

use crate::api::rate_limit::RateLimited;
use crate::api::v2::response_builder;
use crate::auth::error::AuthError;
use crate::auth::extract::AuthenticatedCaller;
use crate::base::client_info::ClientInfo;
use crate::base::clock::Timestamp;
use crate::base::day::Day;
use crate::base::id::PublicId;
use crate::base::note::Note;
use crate::db::{DbConnection, DbError};
use crate::tokens::delete::delete;
use crate::tokens::model::{DeletionSource, TokenOwner};
use crate::tokens::store;
use crate::usage::day_store;
use crate::web::app_state::AppState;
use crate::web::json;

#[derive(Serialize)]
pub(crate) struct TokenBody<'a> {
    uuid: &'a PublicId,
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
    calls_30d: i64,
    note: Option<&'a str>,
}

#[derive(Serialize)]
pub(crate) struct WorkspaceRef<'a> {
    uuid: &'a PublicId,
    slug: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
pub(crate) struct UserRef<'a> {
    uuid: &'a PublicId,
    email: &'a str,
    name: &'a str,
}

/// `GET /api/v2/token.json`: the token of the request. `hint` and `last_used_on` describe the value in the request;
/// `retires_on` is the time at which the older of two values expires.
pub(crate) async fn token(
    app: web::Data<AppState>,
    RateLimited(AuthenticatedCaller(caller)): RateLimited<AuthenticatedCaller>,
) -> Result<HttpResponse, AuthError> {
    let (now, owner) = (app.clock.now(), caller.clone());
    let read = move |conn: &mut DbConnection| {
        let Some(token) = store::find(conn, owner.membership, &owner.uuid)? else { return Ok(None) };
        let days = day_store::days(conn, &token.value_keys(), Day::containing(now), 30)?;
        Ok::<_, DbError>(Some((token, days)))
    };
    // The token was deleted between authentication and this query; the next request fails authentication.
    let Some((token, days)) = app.db.read(read).await? else { return Ok(json::not_found()) };
    let retiring = token.retiring(now);
    let presented_value = token.values().find(|value| value.key == caller.value).unwrap_or(&token.current);
    let body = TokenBody {
        uuid: &caller.uuid,
        name: caller.name.as_str(),
        hint: &presented_value.hint,
        workspace: WorkspaceRef {
            uuid: &caller.workspace.uuid,
            slug: caller.workspace.slug.as_str(),
            name: caller.workspace.profile.name.as_str(),
        },
        user: UserRef { uuid: &caller.user.uuid, email: caller.user.email.as_str(), name: caller.user.name.as_str() },
        role: caller.role.as_str(),
        created_on: token.created_at,
        expires_on: token.current.ends_at,
        last_used_on: presented_value.last_use.as_ref().map(|last| last.at),
        rotating: retiring.is_some(),
        retires_on: retiring.and_then(|value| value.ends_at),
        calls_30d: days.iter().map(|day| day.calls).sum(),
        note: token.note.as_ref().map(Note::as_str),
    };
    Ok(response_builder(&caller.workspace, StatusCode::OK).json(body))
}

/// `DELETE /api/v2/token.json`: deletes the token of the request, so that the finder of a leaked value can revoke it.
pub(crate) async fn delete_token(
    app: web::Data<AppState>,
    RateLimited(AuthenticatedCaller(caller)): RateLimited<AuthenticatedCaller>,
    client: ClientInfo,
) -> Result<HttpResponse, AuthError> {
    let owner = TokenOwner::new(caller.membership, &caller.user, &caller.workspace.uuid);
    let (uuid, actor) = (caller.uuid, caller.user.actor(client, app.clock.now()));
    app.db.write(move |conn| delete(conn, &owner, &uuid, DeletionSource::Api, &actor)).await?;
    Ok(response_builder(&caller.workspace, StatusCode::NO_CONTENT).finish())
}
