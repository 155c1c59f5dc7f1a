//! `GET /api/v2/workspace.json` and `org.json`: the token's workspace.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Bytes;
use serde::Serialize;

use crate::api::rate_limit::RateLimited;
use crate::api::v2::{JSON, answer};
use crate::auth::token_cache::WorkspaceAccess;
use crate::base::id::PublicId;
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
pub async fn workspace(RateLimited(access): RateLimited<WorkspaceAccess>) -> HttpResponse {
    let body = access.cached_json(|workspace| Bytes::from(workspace_body(workspace)));
    answer(&access.workspace, StatusCode::OK).insert_header((CONTENT_TYPE, JSON)).body(body)
}

pub(crate) fn workspace_body(workspace: &Workspace) -> Vec<u8> {
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
    // Serialization of strings and numbers cannot fail.
    serde_json::to_vec(&body).unwrap_or_default()
}
