//! `GET /api/v2/users.json`: the members of the token's workspace in pages of 250, newest first.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Serialize;

use crate::api::rate_limit::RateLimited;
use crate::api::v2::response_builder;
use crate::auth::error::AuthError;
use crate::auth::extract::AuthenticatedCaller;
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::web::app_state::AppState;
use crate::web::json;
use crate::workspaces::store::{self, MemberRow, PageDirection};

/// Users per page.
pub(crate) const PAGE: usize = 250;

#[derive(Serialize)]
struct UsersBody<'a> {
    next: Option<String>,
    previous: Option<String>,
    results: Vec<UserBody<'a>>,
}

#[derive(Serialize)]
struct UserBody<'a> {
    uuid: &'a PublicId,
    name: &'a str,
    email: &'a str,
    role: &'a str,
    /// Always null: Latchkey has no teams.
    team: Option<()>,
    created_on: Timestamp,
    /// Always null: Latchkey has no avatars.
    avatar: Option<()>,
    first_name: &'a str,
    last_name: &'a str,
}

impl<'a> From<&'a MemberRow> for UserBody<'a> {
    fn from(member: &'a MemberRow) -> Self {
        let name = member.user.name.as_str();
        // Latchkey stores one name; RapidPro clients expect two.
        let (first_name, last_name) = name.split_once(char::is_whitespace).unwrap_or((name, ""));
        Self {
            uuid: &member.user.uuid,
            name,
            email: member.user.email.as_str(),
            role: member.role.as_str(),
            team: None,
            created_on: member.created_at,
            avatar: None,
            first_name,
            last_name: last_name.trim_start(),
        }
    }
}

/// Start and direction of a page. Opaque to clients: base64url of `side:microseconds:uuid`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cursor {
    side: PageDirection,
    at: Timestamp,
    uuid: PublicId,
}

impl Cursor {
    fn at_member(member: &MemberRow, side: PageDirection) -> Self {
        Self { side, at: member.created_at, uuid: member.user.uuid }
    }

    fn encode(&self) -> String {
        let side = match self.side {
            PageDirection::Older => "o",
            PageDirection::Newer => "n",
        };
        BASE64_URL_SAFE_NO_PAD.encode(format!("{side}:{}:{}", self.at.micros(), self.uuid))
    }

    fn parse(text: &str) -> Option<Self> {
        let decoded = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let mut parts = decoded.splitn(3, ':');
        let side = match parts.next()? {
            "o" => PageDirection::Older,
            "n" => PageDirection::Newer,
            _ => return None,
        };
        let at = Timestamp::from_micros(parts.next()?.parse().ok()?);
        let cursor = Self { side, at, uuid: parts.next()?.parse().ok()? };
        // Numbers and UUIDs have several spellings; only the canonical one is a valid cursor.
        Some(cursor).filter(|cursor| cursor.encode() == text)
    }
}

/// `GET /api/v2/users.json`: 404 for an invalid cursor.
pub(crate) async fn users(
    app: web::Data<AppState>,
    request: HttpRequest,
    RateLimited(AuthenticatedCaller(caller)): RateLimited<AuthenticatedCaller>,
) -> Result<HttpResponse, AuthError> {
    let query = url::form_urlencoded::parse(request.query_string().as_bytes());
    let text = query.into_iter().find(|(name, text)| name == "cursor" && !text.is_empty()).map(|(_, text)| text);
    let cursor = match text.map(|text| Cursor::parse(&text)) {
        Some(None) => return Ok(json::error(StatusCode::NOT_FOUND, "Invalid cursor")),
        Some(cursor) => cursor,
        None => None,
    };
    let (workspace, start) = (caller.workspace.key, cursor.clone());
    let (mut members, has_other_side) = app
        .db
        .read(move |conn| {
            let position = start.as_ref().map(|cursor| (cursor.side, cursor.at, &cursor.uuid));
            let members = store::list_members_page(conn, workspace, position, PAGE + 1)?;
            // Members at the cursor may have been removed, so a link is created only if the other page has members.
            let edge = members.first().map(|member| (member.created_at, member.user.uuid));
            let has_other_side = match (position, edge) {
                (Some((side, ..)), Some((at, uuid))) => {
                    !store::list_members_page(conn, workspace, Some((side.other(), at, &uuid)), 1)?.is_empty()
                }
                _ => false,
            };
            Ok::<_, AuthError>((members, has_other_side))
        })
        .await?;
    let has_more = members.len() > PAGE;
    members.truncate(PAGE);
    let side = cursor.map_or(PageDirection::Older, |cursor| cursor.side);
    let (has_older, has_newer) = match side {
        PageDirection::Older => (has_more, has_other_side),
        PageDirection::Newer => {
            members.reverse();
            (has_other_side, has_more)
        }
    };
    let url = |member: Option<&MemberRow>, side: PageDirection, has_page: bool| {
        let cursor = Cursor::at_member(member.filter(|_| has_page)?, side);
        Some(app.site.public_url.join(&format!("/api/v2/users.json?cursor={}", cursor.encode())))
    };
    let body = UsersBody {
        next: url(members.last(), PageDirection::Older, has_older),
        previous: url(members.first(), PageDirection::Newer, has_newer),
        results: members.iter().map(UserBody::from).collect(),
    };
    Ok(response_builder(&caller.workspace, StatusCode::OK).json(body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_cursor_round_trips_and_other_text_is_rejected() {
        let uuid: PublicId = "0199c2b4-0000-7000-8000-000000000000".parse().unwrap();
        for side in [PageDirection::Older, PageDirection::Newer] {
            let cursor = Cursor { side, at: Timestamp::from_micros(-7), uuid };
            assert_eq!(Cursor::parse(&cursor.encode()), Some(cursor));
        }
        for decoded in ["", "o", "o:1", "x:1:0199c2b4-0000-7000-8000-000000000000", "o:1:nobody", "o::", "n:9e9:x"] {
            assert_eq!(Cursor::parse(&BASE64_URL_SAFE_NO_PAD.encode(decoded)), None, "{decoded}");
        }
        assert_eq!(Cursor::parse("!"), None);
        assert_eq!(Cursor::parse("_w"), None, "not UTF-8");
    }

    proptest! {
        #[test]
        fn only_canonical_text_is_a_cursor(
            text in prop_oneof![
                "[on]:[-+]?[0-9]{0,20}:[0-9a-fA-F]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
                    .prop_map(|decoded| BASE64_URL_SAFE_NO_PAD.encode(decoded)),
                "\\PC{0,60}".prop_map(|decoded| BASE64_URL_SAFE_NO_PAD.encode(decoded)),
                "[A-Za-z0-9_=-]{0,90}",
                any::<String>(),
            ],
        ) {
            prop_assert!(Cursor::parse(&text).is_none_or(|cursor| cursor.encode() == text), "{}", text);
        }

        #[test]
        fn every_cursor_round_trips(is_older in any::<bool>(), at in any::<i64>(), uuid in any::<u128>()) {
            let side = if is_older { PageDirection::Older } else { PageDirection::Newer };
            let cursor = Cursor { side, at: Timestamp::from_micros(at), uuid: uuid::Uuid::from_u128(uuid).into() };
            prop_assert_eq!(Cursor::parse(&cursor.encode()), Some(cursor));
        }
    }
}
