//! Token introspection (RFC 7662): returns the state of a token to an authenticated resource server. An inactive
//! token's response must not contain the reason.

use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL, HeaderMap, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::accounts::model::EmailAddress;
use crate::auth::authenticator;
use crate::auth::caller::Caller;
use crate::auth::credentials::{self, Credentials};
use crate::auth::error::{AuthError, BASIC_CHALLENGE};
use crate::auth::rejection::RejectionReason;
use crate::base::client_info::ClientInfo;
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::db::{DbConnection, DbError};
use crate::tokens::store;
use crate::usage::UsageRecorder;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::form::Form;
use crate::web::headers::NO_STORE;

/// The resource servers that may introspect: each client's name and the SHA-256 of its secret.
#[derive(Debug, Clone, Default)]
pub(crate) struct IntrospectionClients(Vec<(String, [u8; 32])>);

impl IntrospectionClients {
    /// Takes pairs of name and secret; keeps only the digests of the secrets.
    #[must_use]
    pub(crate) fn new(secrets: Vec<(String, Zeroizing<String>)>) -> Self {
        Self(secrets.into_iter().map(|(name, secret)| (name, Sha256::digest(secret.as_bytes()).into())).collect())
    }

    /// Returns the client's name. The headers must contain exactly one Authorization header, of the scheme Basic
    /// (`client_secret_basic`), or none if the form has `client_id` and `client_secret` (`client_secret_post`).
    fn authenticate(&self, headers: &HeaderMap, form: Option<&Form>) -> Option<&str> {
        if headers.contains_key(AUTHORIZATION) {
            return self.authenticate_basic(headers);
        }
        let form = form.filter(|form| has_client_secret(form))?;
        self.find_client(form.text("client_id"), form.text("client_secret"))
    }

    fn authenticate_basic(&self, headers: &HeaderMap) -> Option<&str> {
        let mut all = headers.get_all(AUTHORIZATION);
        let (header, None) = (all.next()?, all.next()) else { return None };
        let (scheme, encoded) = header.to_str().ok()?.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let pair = Zeroizing::new(BASE64_STANDARD.decode(encoded.trim_start()).ok()?);
        let (name, secret) = std::str::from_utf8(&pair).ok()?.split_once(':')?;
        // RFC 6749, section 2.3.1, requires form encoding for both; curl and many other clients send them unencoded.
        self.find_client(name, secret).or_else(|| self.find_client(&form_decode(name)?, &form_decode(secret)?))
    }

    fn find_client(&self, name: &str, secret: &str) -> Option<&str> {
        let digest: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
        self.0
            .iter()
            .find(|(client, expected)| client == name && bool::from(expected.ct_eq(&digest)))
            .map(|(client, _)| client.as_str())
    }
}

fn has_client_secret(form: &Form) -> bool {
    form.is_present("client_secret")
}

fn form_decode(text: &str) -> Option<Zeroizing<String>> {
    let with_spaces = Zeroizing::new(text.replace('+', " "));
    let bytes: Vec<u8> = percent_encoding::percent_decode_str(&with_spaces).collect();
    String::from_utf8(bytes).ok().map(Zeroizing::new)
}

/// Error body (RFC 6749, section 5.2).
#[derive(Serialize)]
struct OauthError<'a> {
    error: &'a str,
    error_description: &'a str,
}

fn error_response(status: StatusCode, error: &str, description: &str) -> HttpResponse {
    json_response(status, &OauthError { error, error_description: description })
}

fn json_response(status: StatusCode, body: &impl Serialize) -> HttpResponse {
    HttpResponse::build(status).insert_header((CACHE_CONTROL, NO_STORE)).json(body)
}

/// The response to a request without valid client credentials: 401 with a Basic challenge (RFC 6749, section 5.2).
fn invalid_client() -> HttpResponse {
    let description = "Authenticate with a name and a secret of --introspection-client: with Basic, or with client_id and \
                       client_secret in the form.";
    let mut response = error_response(StatusCode::UNAUTHORIZED, "invalid_client", description);
    response.headers_mut().insert(WWW_AUTHENTICATE, BASIC_CHALLENGE);
    response
}

#[derive(Serialize)]
struct ActiveToken<'a> {
    active: bool,
    token_type: &'a str,
    sub: &'a PublicId,
    /// The email address, if it is verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    iat: i64,
    iss: &'a str,
    jti: &'a PublicId,
    workspace: &'a PublicId,
    role: &'a str,
}

/// Body for an inactive token. The reason is not disclosed to the resource server (RFC 7662, section 2.2).
#[derive(Serialize)]
struct InactiveToken {
    active: bool,
}

/// `POST /oauth2/introspect`: 200 with the token's state; 400 for a form without exactly one token; 401 for a request
/// without valid client credentials, whatever its form.
pub(crate) async fn introspect(
    request: HttpRequest,
    app: web::Data<AppState>,
    clients: web::Data<IntrospectionClients>,
    usage: web::Data<UsageRecorder>,
    client: ClientInfo,
    form: Result<Form, PageError>,
) -> Result<HttpResponse, AuthError> {
    let Some(introspector) = clients.authenticate(request.headers(), form.as_ref().ok()) else {
        return Ok(invalid_client());
    };
    let form = match form {
        Ok(form) => form,
        Err(error) => {
            let description = "Send one token as application/x-www-form-urlencoded, no field twice, at most 16 KiB.";
            return Ok(error_response(error.status_code(), "invalid_request", description));
        }
    };
    if has_client_secret(&form) && request.headers().contains_key(AUTHORIZATION) {
        // RFC 6749, section 2.3.
        let description = "Authenticate either with Basic or with client_secret, not with both.";
        return Ok(error_response(StatusCode::BAD_REQUEST, "invalid_request", description));
    }
    if !form.is_present("token") {
        return Ok(error_response(StatusCode::BAD_REQUEST, "invalid_request", "The parameter token is missing."));
    }
    let now = app.clock.now();
    // Formatted as a user agent, because pages show the product name of a user agent.
    let client = ClientInfo { agent: Some(format!("introspection/{introspector}")), ..client };
    Ok(match find_active(&app, &usage, form.text("token"), client, now).await? {
        Some((caller, created_at)) => json_response(
            StatusCode::OK,
            &ActiveToken {
                active: true,
                token_type: "Bearer",
                sub: &caller.user.uuid,
                username: caller.user.verified_email().map(EmailAddress::as_str),
                exp: caller.ends_at.map(numeric_date),
                iat: numeric_date(created_at),
                iss: &app.site.public_url.origin(),
                jti: &caller.uuid,
                workspace: &caller.workspace.uuid,
                role: caller.role.as_str(),
            },
        ),
        None => json_response(StatusCode::OK, &InactiveToken { active: false }),
    })
}

/// Whole seconds since 1970-01-01T00:00:00Z: `NumericDate` (RFC 7519, section 2).
fn numeric_date(at: Timestamp) -> i64 {
    at.micros().div_euclid(1_000_000)
}

/// Returns the owner of an active value and the value's creation time. Records the use, also of a value that has ended.
async fn find_active(
    app: &AppState,
    usage: &UsageRecorder,
    text: &str,
    client: ClientInfo,
    now: Timestamp,
) -> Result<Option<(Caller, Timestamp)>, AuthError> {
    // The header parser trims spaces around a value; the form parameter must match exactly.
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(None);
    }
    let header = Zeroizing::new(format!("Bearer {text}"));
    let found = match credentials::parse(std::iter::once(header.as_bytes())) {
        Ok(credentials) => app.db.read(move |conn| find_caller(conn, &credentials, now)).await,
        Err(rejection) => Err(rejection.into()),
    };
    let rejection = match found {
        Ok((caller, created_at)) => {
            usage.record(caller.value(), client, now);
            return Ok(Some((caller, created_at)));
        }
        Err(AuthError::Rejected(rejection)) => rejection,
        Err(error @ AuthError::Db(_)) => return Err(error),
    };
    match rejection.reason {
        RejectionReason::Ended { value, .. } => {
            usage.record_rejected(value, client, now);
            Ok(None)
        }
        // Empty, unknown, owned by a deactivated user, or owned by a member whose role may not use tokens.
        RejectionReason::EmptyCredentials | RejectionReason::UnknownToken | RejectionReason::RoleNotAllowed => Ok(None),
        // This function builds the header, so these reasons indicate a bug and not an inactive token.
        RejectionReason::MissingCredentials
        | RejectionReason::ContainsSpaces
        | RejectionReason::InvalidUtf8
        | RejectionReason::InvalidBase64
        | RejectionReason::InvalidBasicText
        | RejectionReason::MalformedScheme(_)
        | RejectionReason::MalformedValue(_)
        | RejectionReason::DuplicateHeader
        | RejectionReason::EmailMismatch => {
            Err(DbError::Query(format!("introspection built a malformed header: {:?}", rejection.reason)).into())
        }
    }
}

/// The first query decides; a change to the token after it affects the next introspection.
fn find_caller(
    conn: &mut DbConnection,
    credentials: &Credentials,
    now: Timestamp,
) -> Result<(Caller, Timestamp), AuthError> {
    let caller = authenticator::authenticate_uncached(conn, credentials, now)?;
    let created_at = store::value_created_at(conn, caller.value())?;
    Ok((caller, created_at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authenticated(headers: &[&str]) -> Option<String> {
        let secrets = [("warehouse", "16 characters, +%41 more"), ("billing", "another long secret")];
        let clients = IntrospectionClients::new(
            secrets.map(|(name, secret)| (name.to_owned(), Zeroizing::new(secret.to_owned()))).into(),
        );
        let mut map = HeaderMap::new();
        for header in headers {
            map.append(AUTHORIZATION, header.parse().unwrap());
        }
        clients.authenticate(&map, None).map(str::to_owned)
    }

    fn basic(pair: &str) -> String {
        format!("Basic {}", BASE64_STANDARD.encode(pair))
    }

    #[test]
    fn a_client_authenticates_with_name_and_secret_form_encoded_or_not() {
        for pair in ["warehouse:16 characters, +%41 more", "warehouse:16+characters%2C+%2B%2541+more"] {
            assert_eq!(authenticated(&[&basic(pair)]).as_deref(), Some("warehouse"), "{pair}");
        }
        assert_eq!(authenticated(&["bAsIc  YmlsbGluZzphbm90aGVyIGxvbmcgc2VjcmV0"]).as_deref(), Some("billing"));
    }

    #[test]
    fn invalid_client_credentials_are_rejected() {
        for pair in [
            "warehouse:another long secret",
            "warehouse:",
            "warehouse",
            ":",
            "Warehouse:16 characters, +%41 more",
            "warehouse:16 characters, +A more",
            "nobody:another long secret",
        ] {
            assert_eq!(authenticated(&[&basic(pair)]), None, "{pair}");
        }
        let valid = basic("billing:another long secret");
        assert_eq!(authenticated(&[&valid, &valid]), None, "two headers");
        assert_eq!(authenticated(&[&valid.replace("Basic", "Bearer")]), None);
        for header in ["", "Basic", "Basic !", "Basic  "] {
            assert_eq!(authenticated(&[header]), None, "{header}");
        }
        assert_eq!(authenticated(&[]), None);
    }
}
