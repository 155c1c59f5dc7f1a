//! Token introspection (RFC 7662): a resource server asks what a token that it was given opens.

use std::fmt;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL, HeaderMap, HeaderValue, VARY, WWW_AUTHENTICATE};
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError, web};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::auth::authenticator;
use crate::auth::caller::Caller;
use crate::auth::credentials::{self, Credentials};
use crate::auth::error::AuthError;
use crate::auth::rejection::{Rejection, RejectionReason};
use crate::base::client_info::ClientInfo;
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::db::{DbConnection, DbError};
use crate::tokens::store;
use crate::usage::UsageRecorder;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::form::Form;
use crate::web::headers::{NO_STORE, VARY_AUTHORIZATION};

/// Who may introspect: names, and the SHA-256 of each one's secret.
#[derive(Debug, Clone, Default)]
pub struct IntrospectionClients(Vec<(String, [u8; 32])>);

impl IntrospectionClients {
    /// Of names and secrets.
    #[must_use]
    pub fn new(secrets: Vec<(String, Zeroizing<String>)>) -> Self {
        Self(secrets.into_iter().map(|(name, secret)| (name, Sha256::digest(secret.as_bytes()).into())).collect())
    }

    /// The client whose credentials these headers bear: one Authorization header, Basic.
    fn authenticate(&self, headers: &HeaderMap) -> Option<&str> {
        let mut all = headers.get_all(AUTHORIZATION);
        let (header, None) = (all.next()?, all.next()) else { return None };
        let (scheme, encoded) = header.to_str().ok()?.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let pair = Zeroizing::new(BASE64_STANDARD.decode(encoded.trim_start()).ok()?);
        let (name, secret) = std::str::from_utf8(&pair).ok()?.split_once(':')?;
        // RFC 6749, section 2.3.1, wants both form-encoded; curl and many more send them as they are.
        self.find(name, secret).or_else(|| self.find(&form_decoded(name)?, &form_decoded(secret)?))
    }

    fn find(&self, name: &str, secret: &str) -> Option<&str> {
        let digest: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
        self.0.iter().find(|(known, kept)| known == name && is_same(kept, &digest)).map(|(known, _)| known.as_str())
    }
}

/// In a time that does not depend on where the two differ.
fn is_same(one: &[u8; 32], other: &[u8; 32]) -> bool {
    one.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

fn form_decoded(text: &str) -> Option<Zeroizing<String>> {
    let spaced = Zeroizing::new(text.replace('+', " "));
    let bytes: Vec<u8> = percent_encoding::percent_decode_str(&spaced).collect();
    String::from_utf8(bytes).ok().map(Zeroizing::new)
}

/// A resource server that is known here.
pub struct Introspector(String);

/// The request comes from nobody who may introspect.
#[derive(Debug)]
pub struct InvalidClient;

impl FromRequest for Introspector {
    type Error = InvalidClient;
    type Future = Ready<Result<Self, InvalidClient>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let clients = request.app_data::<web::Data<IntrospectionClients>>();
        let name = clients.and_then(|clients| clients.authenticate(request.headers()).map(str::to_owned));
        ready(name.map(Self).ok_or(InvalidClient))
    }
}

impl fmt::Display for InvalidClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no client that may introspect")
    }
}

impl ResponseError for InvalidClient {
    fn status_code(&self) -> StatusCode {
        StatusCode::UNAUTHORIZED
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = problem(
            self.status_code(),
            "invalid_client",
            "Authenticate with Basic: a name and a secret of --introspection-client.",
        );
        let challenge = HeaderValue::from_static("Basic realm=\"latchkey\"");
        answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        answer
    }
}

/// An error as RFC 6749, section 5.2, writes it.
#[derive(Serialize)]
struct OauthError<'a> {
    error: &'a str,
    error_description: &'a str,
}

fn problem(status: StatusCode, error: &str, description: &str) -> HttpResponse {
    answer(status, &OauthError { error, error_description: description })
}

fn answer(status: StatusCode, body: &impl Serialize) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((CACHE_CONTROL, NO_STORE))
        .insert_header((VARY, VARY_AUTHORIZATION))
        .json(body)
}

#[derive(Serialize)]
struct ActiveToken<'a> {
    active: bool,
    token_type: &'a str,
    sub: &'a PublicId,
    username: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    iat: i64,
    iss: &'a str,
    jti: &'a PublicId,
    workspace: &'a PublicId,
    role: &'a str,
}

/// All that is said of a token that does not live: why is its owner's business.
#[derive(Serialize)]
struct InactiveToken {
    active: bool,
}

/// `POST /oauth2/introspect`
pub async fn introspect(
    app: web::Data<AppState>,
    uses: web::Data<UsageRecorder>,
    Introspector(introspector): Introspector,
    client: ClientInfo,
    form: Result<Form, PageError>,
) -> Result<HttpResponse, AuthError> {
    let form = match form {
        Ok(form) => form,
        Err(error) => {
            let why = "Send one token as application/x-www-form-urlencoded, no field twice, at most 16 KiB.";
            return Ok(problem(error.status_code(), "invalid_request", why));
        }
    };
    if !form.is_present("token") {
        return Ok(problem(StatusCode::BAD_REQUEST, "invalid_request", "The parameter token is missing."));
    }
    let now = app.clock.now();
    // In the form of a user agent, whose first word is what pages show.
    let client = ClientInfo { agent: Some(format!("introspection/{introspector}")), ..client };
    Ok(match find(&app, &uses, form.text("token"), client, now).await? {
        Some((caller, made_at)) => answer(
            StatusCode::OK,
            &ActiveToken {
                active: true,
                token_type: "Bearer",
                sub: &caller.user.uuid,
                username: caller.user.email.as_str(),
                exp: caller.ends_at.map(seconds),
                iat: seconds(made_at),
                iss: &app.site.public_url.origin(),
                jti: &caller.uuid,
                workspace: &caller.workspace.uuid,
                role: caller.role.as_str(),
            },
        ),
        None => answer(StatusCode::OK, &InactiveToken { active: false }),
    })
}

/// Whole seconds since 1970, as JSON Web Tokens count (RFC 7519, section 2).
fn seconds(at: Timestamp) -> i64 {
    at.micros().div_euclid(1_000_000)
}

/// Who holds this value, and when it was made; and the evidence that it was shown.
async fn find(
    app: &AppState,
    uses: &UsageRecorder,
    text: &str,
    client: ClientInfo,
    now: Timestamp,
) -> Result<Option<(Caller, Timestamp)>, DbError> {
    // A header's reader forgives blanks around a value; here the parameter is the value.
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(None);
    }
    let header = Zeroizing::new(format!("Bearer {text}"));
    let found = match credentials::parse(std::iter::once(header.as_bytes())) {
        Ok(presented) => app.db.read(move |conn| find_caller(conn, &presented, now)).await?,
        Err(refusal) => Err(refusal),
    };
    match found {
        Ok((caller, made_at)) => {
            uses.record(caller.value(), client, now);
            Ok(Some((caller, made_at)))
        }
        Err(refusal) => match refusal.reason {
            RejectionReason::Ended(_, _, value) => {
                uses.record_rejected(value, client, now);
                Ok(None)
            }
            // Nothing, nothing of ours, its owner deactivated, or in a role without tokens.
            RejectionReason::EmptyCredentials | RejectionReason::UnknownToken | RejectionReason::RoleNotAllowed => {
                Ok(None)
            }
            // The header is our own, so this is our mistake: it says nothing of the token.
            RejectionReason::MissingCredentials
            | RejectionReason::ContainsSpaces
            | RejectionReason::InvalidUtf8
            | RejectionReason::InvalidBase64
            | RejectionReason::DuplicateHeader
            | RejectionReason::EmailMismatch => {
                Err(DbError::Query(format!("a header made for introspection is refused: {:?}", refusal.reason)))
            }
        },
    }
}

/// As things stand at the first query: what happens to the token after it is for the next to ask.
fn find_caller(
    conn: &mut DbConnection,
    presented: &Credentials,
    now: Timestamp,
) -> Result<Result<(Caller, Timestamp), Rejection>, DbError> {
    match authenticator::authenticate_uncached(conn, presented, now)? {
        Ok(caller) => {
            let made_at = store::value_created_at(conn, caller.value())?;
            Ok(Ok((caller, made_at)))
        }
        Err(refusal) => Ok(Err(refusal)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recognized(headers: &[&str]) -> Option<String> {
        let secrets = [("warehouse", "16 characters, +%41 more"), ("billing", "another long secret")];
        let clients = IntrospectionClients::new(
            secrets.map(|(name, secret)| (name.to_owned(), Zeroizing::new(secret.to_owned()))).into(),
        );
        let mut map = HeaderMap::new();
        for header in headers {
            map.append(AUTHORIZATION, header.parse().unwrap());
        }
        clients.authenticate(&map).map(str::to_owned)
    }

    fn basic(pair: &str) -> String {
        format!("Basic {}", BASE64_STANDARD.encode(pair))
    }

    #[test]
    fn a_client_is_known_by_name_and_secret_form_encoded_or_not() {
        for pair in ["warehouse:16 characters, +%41 more", "warehouse:16+characters%2C+%2B%2541+more"] {
            assert_eq!(recognized(&[&basic(pair)]).as_deref(), Some("warehouse"), "{pair}");
        }
        assert_eq!(recognized(&["bAsIc  YmlsbGluZzphbm90aGVyIGxvbmcgc2VjcmV0"]).as_deref(), Some("billing"));
    }

    #[test]
    fn nobody_else_is() {
        for pair in [
            "warehouse:another long secret",
            "warehouse:",
            "warehouse",
            ":",
            "Warehouse:16 characters, +%41 more",
            "warehouse:16 characters, +A more",
            "nobody:another long secret",
        ] {
            assert_eq!(recognized(&[&basic(pair)]), None, "{pair}");
        }
        let good = basic("billing:another long secret");
        assert_eq!(recognized(&[&good, &good]), None, "twice");
        assert_eq!(recognized(&[&good.replace("Basic", "Bearer")]), None);
        for header in ["", "Basic", "Basic !", "Basic  "] {
            assert_eq!(recognized(&[header]), None, "{header}");
        }
        assert_eq!(recognized(&[]), None);
    }
}
