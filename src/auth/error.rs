//! Authentication errors as HTTP responses.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};

use crate::auth::mistake::{SchemeMistake, ValueMistake};
use crate::auth::rejection::{AuthScheme, Rejection, RejectionReason};
use crate::db::DbError;
use crate::tokens::model::EndReason;
use crate::web::headers::NO_STORE;
use crate::web::json::{self, ErrorBody};

/// Reason why a request is not authenticated.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The credentials were rejected.
    #[error("rejected: {:?}", .0.reason)]
    Rejected(Rejection),
    /// The database query failed.
    #[error("{0}")]
    Db(#[from] DbError),
}

impl From<Rejection> for AuthError {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

pub(crate) const PERMISSION_DENIED: &str = "You do not have permission to perform this action.";

impl ResponseError for AuthError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Rejected(Rejection { scheme, reason }) => match (reason, scheme) {
                (RejectionReason::DuplicateHeader, _)
                | (
                    RejectionReason::EmptyCredentials
                    | RejectionReason::ContainsSpaces
                    | RejectionReason::InvalidUtf8
                    | RejectionReason::InvalidBase64
                    | RejectionReason::InvalidBasicText,
                    AuthScheme::Bearer,
                ) => StatusCode::BAD_REQUEST,
                (
                    RejectionReason::MissingCredentials
                    | RejectionReason::MalformedScheme(_)
                    | RejectionReason::MalformedValue(_)
                    | RejectionReason::UnknownToken
                    | RejectionReason::Ended { .. }
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
            Self::Rejected(Rejection { scheme, reason }) => {
                let detail = error_message(*scheme, reason);
                match scheme {
                    AuthScheme::Token | AuthScheme::Basic => json::error(self.status_code(), detail),
                    AuthScheme::Bearer => bearer_challenge(self.status_code(), detail, reason),
                }
            }
            Self::Db(DbError::Unavailable(_)) => json::unavailable(),
            Self::Db(DbError::UniqueViolation(_) | DbError::Query(_)) => HttpResponse::new(self.status_code()),
        }
    }
}

/// The error message. The texts are RapidPro's, because its clients compare them. A known mistake is described after
/// RapidPro's text.
pub(crate) fn error_message(scheme: AuthScheme, reason: &RejectionReason) -> &'static str {
    match (reason, scheme) {
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
        (RejectionReason::InvalidBasicText, _) => {
            "Invalid basic header. The credentials are base64, but not of UTF-8 text."
        }
        (RejectionReason::MalformedScheme(mistake), _) => match mistake {
            SchemeMistake::Missing => {
                "Authentication credentials were not provided. The header has a value but no scheme: send Bearer, a space and the value."
            }
            SchemeMistake::Punctuation => {
                "Authentication credentials were not provided. The scheme is followed by a colon or an equals sign: send Bearer, a space and the value."
            }
            SchemeMistake::NoSpace => {
                "Authentication credentials were not provided. There is no space after the scheme: send Bearer, a space and the value."
            }
            SchemeMistake::Surrounded => {
                "Authentication credentials were not provided. There are quotation marks, brackets or invisible characters around the scheme: send Bearer, a space and the value."
            }
        },
        (RejectionReason::MalformedValue(mistake), _) => match mistake {
            ValueMistake::Quotes => "Invalid token. There are quotation marks around the value: send it without them.",
            ValueMistake::AngleBrackets => {
                "Invalid token. There are angle brackets around the value: send it without them."
            }
            ValueMistake::InvisibleCharacter => {
                "Invalid token. There is an invisible character in the value, such as a byte order mark or a zero-width space: copy the value again."
            }
            ValueMistake::LineBreak => {
                "Invalid token. There is a line break or a space in the value, as echo and editors append one: send the value without it."
            }
            ValueMistake::Variable => {
                "Invalid token. The value is the name of a variable that was not replaced by its content: single quotes prevent that in a shell."
            }
            ValueMistake::BasicPassword => {
                "Invalid token. The request came with Basic credentials, and their password is not a token: a .netrc file replaces the header in some clients."
            }
        },
        (RejectionReason::DuplicateHeader, _) => "Send one Authorization header, not several.",
        (RejectionReason::UnknownToken | RejectionReason::Ended { .. }, _) => "Invalid token",
        (RejectionReason::EmailMismatch, _) => "Invalid token or email",
        (RejectionReason::RoleNotAllowed, _) => PERMISSION_DENIED,
    }
}

/// The challenges of a 401, in this order. Clients that know Basic only (`wget --user`) choose the second.
pub(crate) const BEARER_CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"latchkey\"");

/// See [`BEARER_CHALLENGE`].
pub(crate) const BASIC_CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=\"latchkey\"");

/// The error response of RFC 6750, section 3.
pub(crate) fn bearer_challenge(status: StatusCode, detail: &str, reason: &RejectionReason) -> HttpResponse {
    const REALM: &str = "Bearer realm=\"latchkey\"";
    let challenge = |error: &'static str, description: &str| {
        (Some(error), format!("{REALM}, error=\"{error}\", error_description=\"{description}\""))
    };
    let mut detail = Cow::from(detail);
    let (error, header) = match reason {
        RejectionReason::MissingCredentials | RejectionReason::MalformedScheme(_) => (None, REALM.to_owned()),
        RejectionReason::EmptyCredentials
        | RejectionReason::ContainsSpaces
        | RejectionReason::InvalidUtf8
        | RejectionReason::InvalidBase64
        | RejectionReason::InvalidBasicText
        | RejectionReason::DuplicateHeader => challenge("invalid_request", detail.trim_end_matches('.')),
        RejectionReason::MalformedValue(_) | RejectionReason::UnknownToken | RejectionReason::EmailMismatch => {
            challenge("invalid_token", detail.trim_end_matches('.'))
        }
        RejectionReason::Ended { reason, at, .. } => {
            let (subject, predicate) = match reason {
                Some(EndReason::Deleted) => ("token", "was deleted"),
                Some(EndReason::Retired | EndReason::Stopped | EndReason::Exposed) => ("value", "was stopped"),
                None => ("token", "expired"),
            };
            let description = format!("The {subject} {predicate} on {at}");
            let challenge = challenge("invalid_token", &description);
            detail = format!("{detail}. {description}.").into();
            challenge
        }
        RejectionReason::RoleNotAllowed => challenge("insufficient_scope", detail.trim_end_matches('.')),
    };
    let mut response = HttpResponse::build(status);
    response.insert_header((WWW_AUTHENTICATE, header)).insert_header((CACHE_CONTROL, NO_STORE));
    if status == StatusCode::UNAUTHORIZED {
        response.append_header((WWW_AUTHENTICATE, BASIC_CHALLENGE));
    }
    response.json(ErrorBody { detail: &detail, error })
}
