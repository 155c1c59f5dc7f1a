//! Authentication errors as HTTP responses.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, VARY, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};

use crate::auth::rejection::AuthScheme;
use crate::auth::rejection::{Rejection, RejectionReason};
use crate::db::{DbError, FromDb};
use crate::tokens::model::EndReason;
use crate::web::headers::{NO_STORE, VARY_AUTHORIZATION};
use crate::web::json::{self, ErrorBody};

/// Reason why a request is not authenticated.
#[derive(Debug)]
pub enum AuthError {
    /// The credentials were rejected.
    Rejected(Rejection),
    /// The database query failed.
    Db(DbError),
}

impl From<DbError> for AuthError {
    fn from(error: DbError) -> Self {
        Self::Db(error)
    }
}

impl FromDb for AuthError {
    fn as_db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) => Some(error),
            Self::Rejected(_) => None,
        }
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejection) => write!(f, "refused: {:?}", rejection.reason),
            Self::Db(error) => fmt::Display::fmt(error, f),
        }
    }
}

pub(crate) const PERMISSION_DENIED: &str = "You do not have permission to perform this action.";

impl ResponseError for AuthError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Rejected(Rejection { style, reason }) => match (reason, style) {
                (RejectionReason::DuplicateHeader, _)
                | (
                    RejectionReason::EmptyCredentials
                    | RejectionReason::ContainsSpaces
                    | RejectionReason::InvalidUtf8
                    | RejectionReason::InvalidBase64,
                    AuthScheme::Bearer,
                ) => StatusCode::BAD_REQUEST,
                (
                    RejectionReason::MissingCredentials
                    | RejectionReason::UnknownToken
                    | RejectionReason::Ended(..)
                    | RejectionReason::EmailMismatch,
                    AuthScheme::Bearer,
                ) => StatusCode::UNAUTHORIZED,
                (RejectionReason::RoleNotAllowed, _) | (_, AuthScheme::Token | AuthScheme::Basic) => {
                    StatusCode::FORBIDDEN
                }
            },
            Self::Db(DbError::Unavailable(_)) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Db(DbError::UniqueViolation(_) | DbError::Query(_)) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        match self {
            Self::Rejected(Rejection { style, reason }) => {
                let detail = error_message(*style, reason);
                match style {
                    AuthScheme::Token | AuthScheme::Basic => json::error(self.status_code(), detail),
                    AuthScheme::Bearer => bearer_challenge(self.status_code(), detail, reason),
                }
            }
            Self::Db(DbError::Unavailable(_)) => json::unavailable(),
            Self::Db(DbError::UniqueViolation(_) | DbError::Query(_)) => HttpResponse::new(self.status_code()),
        }
    }
}

/// The error message. The texts are RapidPro's, because its clients compare them.
pub(crate) fn error_message(style: AuthScheme, reason: &RejectionReason) -> &'static str {
    match (reason, style) {
        (RejectionReason::MissingCredentials, _) => "Authentication credentials were not provided.",
        (RejectionReason::EmptyCredentials, AuthScheme::Basic) => "Invalid basic header. No credentials provided.",
        (RejectionReason::ContainsSpaces, AuthScheme::Basic) => {
            "Invalid basic header. Credentials string should not contain spaces."
        }
        (RejectionReason::InvalidBase64 | RejectionReason::InvalidUtf8, AuthScheme::Basic) => {
            "Invalid basic header. Credentials not correctly base64 encoded."
        }
        (RejectionReason::EmptyCredentials, AuthScheme::Bearer | AuthScheme::Token) => {
            "Invalid token header. No credentials provided."
        }
        (RejectionReason::ContainsSpaces, AuthScheme::Bearer | AuthScheme::Token) => {
            "Invalid token header. Token string should not contain spaces."
        }
        (RejectionReason::InvalidUtf8 | RejectionReason::InvalidBase64, AuthScheme::Bearer | AuthScheme::Token) => {
            "Invalid token header. Token string should not contain invalid characters."
        }
        (RejectionReason::DuplicateHeader, _) => "Send one Authorization header, not several.",
        (RejectionReason::UnknownToken | RejectionReason::Ended(..), _) => "Invalid token",
        (RejectionReason::EmailMismatch, _) => "Invalid token or email",
        (RejectionReason::RoleNotAllowed, _) => PERMISSION_DENIED,
    }
}

/// The error response of RFC 6750, section 3.
pub(crate) fn bearer_challenge(status: StatusCode, detail: &str, reason: &RejectionReason) -> HttpResponse {
    const REALM: &str = "Bearer realm=\"latchkey\"";
    let challenge = |error: &'static str, description: &str| {
        (Some(error), format!("{REALM}, error=\"{error}\", error_description=\"{description}\""))
    };
    let (error, header) = match reason {
        RejectionReason::MissingCredentials => (None, REALM.to_owned()),
        RejectionReason::EmptyCredentials
        | RejectionReason::ContainsSpaces
        | RejectionReason::InvalidUtf8
        | RejectionReason::InvalidBase64
        | RejectionReason::DuplicateHeader => challenge("invalid_request", detail.trim_end_matches('.')),
        RejectionReason::UnknownToken | RejectionReason::EmailMismatch => challenge("invalid_token", detail),
        RejectionReason::Ended(end, at, _) => {
            let (subject, predicate) = match end {
                Some(EndReason::Deleted) => ("token", "was deleted"),
                Some(EndReason::Retired | EndReason::Exposed) => ("value", "was retired"),
                None => ("token", "expired"),
            };
            challenge("invalid_token", &format!("The {subject} {predicate} on {at}"))
        }
        RejectionReason::RoleNotAllowed => challenge("insufficient_scope", detail.trim_end_matches('.')),
    };
    HttpResponse::build(status)
        .insert_header((WWW_AUTHENTICATE, header))
        .insert_header((CACHE_CONTROL, NO_STORE))
        .insert_header((VARY, VARY_AUTHORIZATION))
        .json(ErrorBody { detail, error })
}
