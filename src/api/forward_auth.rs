//! Forward authentication: a reverse proxy sends a subrequest for each request, and the status decides whether it
//! forwards the request. `docs/gateway.md` lists the requirements on the proxy. A requirement that cannot be checked
//! must never count as met.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderName, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse, ResponseError as _, web};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::accounts::model::EmailAddress;
use crate::auth::authenticator::Authenticator;
use crate::auth::caller::Caller;
use crate::auth::error::{self, AuthError};
use crate::auth::extract::AuthenticatedCaller;
use crate::auth::rejection::{Rejection, RejectionReason};
use crate::web::headers::NO_STORE;
use crate::web::json;
use crate::web::request_log::LogNote;
use crate::workspaces::model::{Role, Slug};

/// Characters that a header value cannot contain or that a parser treats as a delimiter. Bytes outside ASCII are always
/// encoded.
const UNSAFE_IN_HEADER: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b'"').add(b',').add(b';').add(b'\\');

/// Logged because every request fails and only a change of the proxy's configuration fixes it.
const UNKNOWN_REQUIREMENT: LogNote = LogNote("a gateway demands something unknown of a token: see docs/gateway.md");

/// Logged because every request fails and only the operator can name the workspace or change the setting.
const ROLE_IN_ANY_WORKSPACE: LogNote =
    LogNote("a gateway demands a role without a workspace, and there are several workspaces: see docs/gateway.md");

/// Whether the proxy may require a role without a workspace while there are several workspaces. Any token of any
/// workspace can meet such a requirement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AnyWorkspace(pub bool);

/// The proxy's requirements on a valid token.
#[derive(Debug, Default, PartialEq, Eq)]
struct Requirements {
    workspace: Option<Slug>,
    role: Option<Role>,
}

impl Requirements {
    /// `None` for an unknown, repeated or malformed parameter: a requirement that can't be checked is not met.
    fn parse(query: &str) -> Option<Self> {
        let mut requirements = Self::default();
        for (name, text) in url::form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "workspace" if requirements.workspace.is_none() => requirements.workspace = Some(text.parse().ok()?),
                "role" if requirements.role.is_none() => requirements.role = Some(text.parse().ok()?),
                _ => return None,
            }
        }
        Some(requirements)
    }

    /// Returns `true` if any workspace can meet the role.
    fn is_role_in_any_workspace(&self) -> bool {
        self.role.is_some() && self.workspace.is_none()
    }

    /// The first requirement that the caller does not meet, as a sentence for the response.
    fn unmet_reason(&self, caller: &Caller) -> Option<&'static str> {
        if self.workspace.as_ref().is_some_and(|slug| *slug != caller.workspace.slug) {
            Some("The token belongs to another workspace.")
        } else if self.role.is_some_and(|role| role != caller.role) {
            Some("The token's owner has a different role.")
        } else {
            None
        }
    }
}

/// `ANY /auth/verify`: 200 with headers that identify the caller, 401, 403, or 503 if the database is unavailable.
pub(crate) async fn verify(
    request: HttpRequest,
    any_workspace: web::Data<AnyWorkspace>,
    authenticator: web::Data<Authenticator>,
    caller: Result<AuthenticatedCaller, AuthError>,
) -> Result<HttpResponse, AuthError> {
    let AuthenticatedCaller(caller) = match caller {
        Ok(caller) => caller,
        Err(AuthError::Rejected(rejection)) => return Ok(deny(rejection)),
        Err(error @ AuthError::Db(_)) => return Err(error),
    };
    let Some(requirements) = Requirements::parse(request.query_string()) else {
        return Ok(misconfigured("The gateway's requirement is unknown or malformed.", UNKNOWN_REQUIREMENT));
    };
    if requirements.is_role_in_any_workspace() && !any_workspace.0 && authenticator.has_several_workspaces().await? {
        return Ok(misconfigured(
            "The gateway requires a role without a workspace. Add workspace=SLUG to its query, or start Latchkey with \
             --gateway-any-workspace.",
            ROLE_IN_ANY_WORKSPACE,
        ));
    }
    Ok(match requirements.unmet_reason(&caller) {
        None => allow(&caller),
        Some(reason) => json::error(StatusCode::FORBIDDEN, reason),
    })
}

/// 403 for every caller, until the operator changes a setting.
fn misconfigured(detail: &str, note: LogNote) -> HttpResponse {
    let mut response = json::error(StatusCode::FORBIDDEN, detail);
    response.extensions_mut().insert(note);
    response
}

const AUTH_WORKSPACE: HeaderName = HeaderName::from_static("x-auth-workspace");

const AUTH_WORKSPACE_SLUG: HeaderName = HeaderName::from_static("x-auth-workspace-slug");

const AUTH_USER: HeaderName = HeaderName::from_static("x-auth-user");

const AUTH_EMAIL: HeaderName = HeaderName::from_static("x-auth-email");

const AUTH_ROLE: HeaderName = HeaderName::from_static("x-auth-role");

const AUTH_TOKEN: HeaderName = HeaderName::from_static("x-auth-token");

/// Sets all six headers in every case, so that each replaces a header of the same name from the client. The address is empty
/// if it is not verified.
fn allow(caller: &Caller) -> HttpResponse {
    let email = caller.user.verified_email().map_or("", EmailAddress::as_str);
    let email = utf8_percent_encode(email, UNSAFE_IN_HEADER).to_string();
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, NO_STORE));
    for (name, value) in [
        (AUTH_WORKSPACE, caller.workspace.uuid.as_str()),
        (AUTH_WORKSPACE_SLUG, caller.workspace.slug.as_str()),
        (AUTH_USER, caller.user.uuid.as_str()),
        (AUTH_EMAIL, &email),
        (AUTH_ROLE, caller.role.as_str()),
        (AUTH_TOKEN, caller.uuid.as_str()),
    ] {
        response.insert_header((name, value));
    }
    response.finish()
}

/// The API's error response with status 401 or 403: nginx replaces every other status with 500.
fn deny(rejection: Rejection) -> HttpResponse {
    let is_role_rejection = rejection.reason == RejectionReason::RoleNotAllowed;
    let mut response = AuthError::Rejected(rejection).error_response();
    response.head_mut().status = if is_role_rejection { StatusCode::FORBIDDEN } else { StatusCode::UNAUTHORIZED };
    if !is_role_rejection {
        let headers = response.headers_mut();
        // The 401 of Bearer has both challenges already, its 400 has one, and the 403 of Token and Basic has none.
        let count = headers.get_all(WWW_AUTHENTICATE).count();
        for challenge in [error::BEARER_CHALLENGE, error::BASIC_CHALLENGE].into_iter().skip(count) {
            headers.append(WWW_AUTHENTICATE, challenge);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_query_that_cannot_be_parsed_is_rejected() {
        assert_eq!(Requirements::parse(""), Some(Requirements::default()));
        let both = Requirements::parse("workspace=acme&role=editor").unwrap();
        assert_eq!((both.workspace.unwrap().as_str(), both.role), ("acme", Some(Role::Editor)));
        for query in ["role=owner", "role=", "role=Administrator", "workspace=", "workspace=A b", "wrkspace=acme", "x"]
        {
            assert_eq!(Requirements::parse(query), None, "{query}");
        }
        for query in ["role=editor&role=administrator", "workspace=acme&workspace=other"] {
            assert_eq!(Requirements::parse(query), None, "{query}");
        }
    }

    #[test]
    fn an_email_address_cannot_break_a_header() {
        let encode = |text: &str| utf8_percent_encode(text, UNSAFE_IN_HEADER).to_string();
        assert_eq!(encode("ada+x_y.z@example.org"), "ada+x_y.z@example.org");
        assert_eq!(encode("zoë@exämple.org"), "zo%C3%AB@ex%C3%A4mple.org");
        assert_eq!(encode("a\r\nb:\"c\",d;%41@x"), "a%0D%0Ab:%22c%22%2Cd%3B%2541@x");
    }

    fn to_query(requirements: &Requirements) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(requirements.workspace.iter().map(|slug| ("workspace", slug.as_str())));
        query.extend_pairs(requirements.role.iter().map(|role| ("role", role.as_str())));
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
        fn requirements_are_parsed_completely_or_not_at_all(query in query(), more in "[a-z]{1,4}=?[a-z]{0,5}") {
            let Some(requirements) = Requirements::parse(&query) else { return Ok(()) };
            let parsed_again = Requirements::parse(&to_query(&requirements));
            prop_assert!(parsed_again.is_some_and(|parsed| parsed == requirements), "{}", query);
            // An additional parameter can only make the requirements stricter.
            if let Some(stricter) = Requirements::parse(&format!("{query}&{more}")) {
                prop_assert!(requirements.workspace.is_none() || stricter.workspace == requirements.workspace);
                prop_assert!(requirements.role.is_none() || stricter.role == requirements.role);
                prop_assert!(requirements != stricter, "{} & {}", query, more);
            }
        }

        #[test]
        fn any_email_address_survives_encoding_and_decoding(email in any::<String>()) {
            let encoded = utf8_percent_encode(&email, UNSAFE_IN_HEADER).to_string();
            prop_assert!(encoded.bytes().all(|byte| byte.is_ascii_graphic() && !b",;\"\\".contains(&byte)), "{}", encoded);
            prop_assert_eq!(percent_encoding::percent_decode_str(&encoded).decode_utf8().unwrap(), email);
        }
    }
}
