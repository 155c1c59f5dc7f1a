//! Forward authentication: a reverse proxy asks here, at each request, whether to let it through.
//! What it relies on is in `docs/gateway.md`.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderName, HeaderValue, VARY, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse, ResponseError as _};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::auth::caller::Caller;
use crate::auth::error::AuthError;
use crate::auth::extract::Authenticated;
use crate::auth::rejection::{Rejection, RejectionReason};
use crate::web::headers::{NO_STORE, VARY_AUTHORIZATION};
use crate::web::json;
use crate::web::request_log::LogNote;
use crate::workspaces::model::Slug;
use crate::workspaces::profile::Role;

/// What a header can't hold, or a reader would take for something else; what is not ASCII is encoded anyway.
const UNSAFE_IN_HEADER: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b'"').add(b',').add(b';').add(b'\\');

/// Nobody gets in, and the reason is in the proxy's configuration alone.
const UNKNOWN_REQUIREMENT: LogNote = LogNote("a gateway demands something unknown of a token: see docs/gateway.md");

/// What the proxy demands of the token beyond being good.
#[derive(Debug, Default, PartialEq, Eq)]
struct Requirements {
    workspace: Option<Slug>,
    role: Option<Role>,
}

impl Requirements {
    /// Reads a query. `None` for what is not understood: a demand that can't be checked is not met.
    fn read(query: &str) -> Option<Self> {
        let mut demands = Self::default();
        for (name, text) in url::form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "workspace" if demands.workspace.is_none() => demands.workspace = Some(text.parse().ok()?),
                "role" if demands.role.is_none() => demands.role = Some(text.parse().ok()?),
                _ => return None,
            }
        }
        Some(demands)
    }

    /// Which demand the caller does not meet, in words.
    fn unmet_reason(&self, caller: &Caller) -> Option<&'static str> {
        if self.workspace.as_ref().is_some_and(|slug| *slug != caller.workspace.slug) {
            Some("The token opens another workspace.")
        } else if self.role.is_some_and(|role| role != caller.role) {
            Some("The token's owner has another role.")
        } else {
            None
        }
    }
}

/// `ANY /auth/verify`: 200 with headers that say who is calling, 401, 403, or 503 when nobody can be asked.
pub async fn verify(request: HttpRequest, caller: Result<Authenticated, AuthError>) -> Result<HttpResponse, AuthError> {
    let mut answer = match caller {
        Ok(Authenticated(caller)) => {
            match Requirements::read(request.query_string()).map(|demands| demands.unmet_reason(&caller)) {
                Some(None) => allow(&caller),
                Some(Some(why)) => json::error(StatusCode::FORBIDDEN, why),
                None => {
                    let why = "The gateway demands something that Latchkey does not know.";
                    let mut answer = json::error(StatusCode::FORBIDDEN, why);
                    answer.extensions_mut().insert(UNKNOWN_REQUIREMENT);
                    answer
                }
            }
        }
        Err(AuthError::Rejected(refusal)) => deny(refusal),
        Err(error @ AuthError::Db(_)) => return Err(error),
    };
    answer.headers_mut().insert(VARY, VARY_AUTHORIZATION);
    Ok(answer)
}

const AUTH_WORKSPACE: HeaderName = HeaderName::from_static("x-auth-workspace");

const AUTH_WORKSPACE_SLUG: HeaderName = HeaderName::from_static("x-auth-workspace-slug");

const AUTH_USER: HeaderName = HeaderName::from_static("x-auth-user");

const AUTH_EMAIL: HeaderName = HeaderName::from_static("x-auth-email");

const AUTH_ROLE: HeaderName = HeaderName::from_static("x-auth-role");

const AUTH_TOKEN: HeaderName = HeaderName::from_static("x-auth-token");

/// Always all six headers, so that each overwrites what a client may have sent under its name.
fn allow(caller: &Caller) -> HttpResponse {
    let email = utf8_percent_encode(caller.user.email.as_str(), UNSAFE_IN_HEADER).to_string();
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CACHE_CONTROL, NO_STORE));
    for (name, value) in [
        (AUTH_WORKSPACE, caller.workspace.uuid.as_str()),
        (AUTH_WORKSPACE_SLUG, caller.workspace.slug.as_str()),
        (AUTH_USER, caller.user.uuid.as_str()),
        (AUTH_EMAIL, &email),
        (AUTH_ROLE, caller.role.as_str()),
        (AUTH_TOKEN, caller.uuid.as_str()),
    ] {
        answer.insert_header((name, value));
    }
    answer.finish()
}

/// The API's own answer, as a status that proxies understand: nginx makes 500 of all but 401 and 403.
fn deny(refusal: Rejection) -> HttpResponse {
    let is_role = refusal.reason == RejectionReason::RoleNotAllowed;
    let mut answer = AuthError::Rejected(refusal).error_response();
    answer.head_mut().status = if is_role { StatusCode::FORBIDDEN } else { StatusCode::UNAUTHORIZED };
    if !is_role && !answer.headers().contains_key(WWW_AUTHENTICATE) {
        let challenge = HeaderValue::from_static("Bearer realm=\"latchkey\"");
        answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn demands_that_are_not_understood_are_never_met() {
        assert_eq!(Requirements::read(""), Some(Requirements::default()));
        let both = Requirements::read("workspace=acme&role=editor").unwrap();
        assert_eq!((both.workspace.unwrap().as_str(), both.role), ("acme", Some(Role::Editor)));
        for query in ["role=owner", "role=", "role=Administrator", "workspace=", "workspace=A b", "wrkspace=acme", "x"]
        {
            assert_eq!(Requirements::read(query), None, "{query}");
        }
        for twice in ["role=editor&role=administrator", "workspace=acme&workspace=other"] {
            assert_eq!(Requirements::read(twice), None, "{twice}");
        }
    }

    #[test]
    fn an_address_cannot_break_a_header() {
        let encode = |text: &str| utf8_percent_encode(text, UNSAFE_IN_HEADER).to_string();
        assert_eq!(encode("ada+x_y.z@example.org"), "ada+x_y.z@example.org");
        assert_eq!(encode("zoë@exämple.org"), "zo%C3%AB@ex%C3%A4mple.org");
        assert_eq!(encode("a\r\nb:\"c\",d;%41@x"), "a%0D%0Ab:%22c%22%2Cd%3B%2541@x");
    }

    fn written(demands: &Requirements) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(demands.workspace.iter().map(|slug| ("workspace", slug.as_str())));
        query.extend_pairs(demands.role.iter().map(|role| ("role", role.as_str())));
        query.finish()
    }

    fn query() -> impl Strategy<Value = String> {
        let pair = prop_oneof![
            "workspace=[a-z0-9-]{1,9}",
            "role=(administrator|editor|agent)",
            "(workspace|role|Role|x)=[a-zA-Z%&=+0-9-]{0,9}",
        ];
        prop_oneof![3 => prop::collection::vec(pair, 0..3).prop_map(|pairs| pairs.join("&")), 1 => any::<String>()]
    }

    proptest! {
        #[test]
        fn a_demand_is_understood_whole_or_not_at_all(query in query(), more in "[a-z]{1,4}=?[a-z]{0,5}") {
            let Some(demands) = Requirements::read(&query) else { return Ok(()) };
            prop_assert!(Requirements::read(&written(&demands)).is_some_and(|read| read == demands), "{}", query);
            // Whatever is added can only make it stricter.
            if let Some(stricter) = Requirements::read(&format!("{query}&{more}")) {
                prop_assert!(demands.workspace.is_none() || stricter.workspace == demands.workspace);
                prop_assert!(demands.role.is_none() || stricter.role == demands.role);
                prop_assert!(demands != stricter, "{} & {}", query, more);
            }
        }

        #[test]
        fn any_address_is_one_header_that_reads_as_itself(email in any::<String>()) {
            let encoded = utf8_percent_encode(&email, UNSAFE_IN_HEADER).to_string();
            prop_assert!(encoded.bytes().all(|byte| byte.is_ascii_graphic() && !b",;\"\\".contains(&byte)), "{}", encoded);
            prop_assert_eq!(percent_encoding::percent_decode_str(&encoded).decode_utf8().unwrap(), email);
        }
    }
}
