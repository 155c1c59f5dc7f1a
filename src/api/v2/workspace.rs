//! `GET /api/v2/workspace.json` and `org.json`: the token's workspace.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Bytes;
use serde::Serialize;

use crate::api::rate_limit::RateLimited;
use crate::api::v2::{JSON, response_builder};
use crate::auth::extract::AuthenticatedWorkspace;
use crate::base::id::PublicId;
use crate::web::json::{self, SerializeError};
use crate::workspaces::model::Workspace;

#[derive(Serialize)]
pub(crate) struct WorkspaceBody<'a> {
    uuid: &'a PublicId,
    name: &'a str,
    country: &'a str,
    languages: Vec<&'a str>,
    timezone: &'a str,
    date_style: &'a str,
    anon: bool,
    credits: Credits,
    primary_language: Option<&'a str>,
}

/// RapidPro's values for a workspace without billing.
#[derive(Serialize)]
pub(crate) struct Credits {
    used: i32,
    remaining: i32,
}

/// `GET /api/v2/workspace.json`, and `org.json`, the path that RapidPro's Python client uses.
pub(crate) async fn workspace(
    RateLimited(AuthenticatedWorkspace(access)): RateLimited<AuthenticatedWorkspace>,
) -> Result<HttpResponse, SerializeError> {
    let body = access.cached_json(workspace_body)?;
    Ok(response_builder(&access.workspace, StatusCode::OK).insert_header((CONTENT_TYPE, JSON)).body(body))
}

fn workspace_body(workspace: &Workspace) -> Result<Bytes, SerializeError> {
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
    json::to_body(&body)
}
