//! Authentication errors as HTTP responses.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, VARY, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};

use crate::auth::credentials::Style;
use crate::auth::rejection::{Reason, Refusal};
use crate::db::{DbError, FromDb};
use crate::tokens::model::End;
use crate::web::headers::{BY_AUTHORIZATION, NO_STORE};
use crate::web::json::{self, Problem};

/// Why a caller of the API is turned away.
#[derive(Debug)]
pub enum ApiError {
    /// By our decision.
    Refused(Refusal),
    /// The database could not be asked.
    Db(DbError),
}

impl From<DbError> for ApiError {
    fn from(error: DbError) -> Self {
        Self::Db(error)
    }
}

impl FromDb for ApiError {
    fn as_db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) => Some(error),
            Self::Refused(_) => None,
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => write!(f, "refused: {:?}", refusal.reason),
            Self::Db(error) => fmt::Display::fmt(error, f),
        }
    }
}

pub(crate) const PERMISSION: &str = "You do not have permission to perform this action.";

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Refused(Refusal { style, reason }) => match (reason, style) {
                (Reason::Twice, _) => StatusCode::BAD_REQUEST,
                (Reason::NoValue | Reason::Spaces | Reason::NotText | Reason::NotBase64, Style::Bearer) => {
                    StatusCode::BAD_REQUEST
                }
                (Reason::Missing | Reason::Unknown | Reason::Ended(..) | Reason::OtherEmail, Style::Bearer) => {
                    StatusCode::UNAUTHORIZED
                }
                (Reason::Role, _) | (_, Style::Token | Style::Basic) => StatusCode::FORBIDDEN,
            },
            Self::Db(DbError::Unavailable(_)) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Db(DbError::Taken(_) | DbError::Failed(_)) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        match self {
            Self::Refused(Refusal { style, reason }) => {
                let detail = detail(*style, reason);
                match style {
                    Style::Token | Style::Basic => json::problem(self.status_code(), detail),
                    Style::Bearer => challenge(self.status_code(), detail, reason),
                }
            }
            Self::Db(DbError::Unavailable(_)) => json::unavailable(),
            Self::Db(DbError::Taken(_) | DbError::Failed(_)) => HttpResponse::new(self.status_code()),
        }
    }
}

/// The words that RapidPro's clients know.
pub(crate) fn detail(style: Style, reason: &Reason) -> &'static str {
    match (reason, style) {
        (Reason::Missing, _) => "Authentication credentials were not provided.",
        (Reason::NoValue, Style::Basic) => "Invalid basic header. No credentials provided.",
        (Reason::Spaces, Style::Basic) => "Invalid basic header. Credentials string should not contain spaces.",
        (Reason::NotBase64 | Reason::NotText, Style::Basic) => {
            "Invalid basic header. Credentials not correctly base64 encoded."
        }
        (Reason::NoValue, Style::Bearer | Style::Token) => "Invalid token header. No credentials provided.",
        (Reason::Spaces, Style::Bearer | Style::Token) => {
            "Invalid token header. Token string should not contain spaces."
        }
        (Reason::NotText | Reason::NotBase64, Style::Bearer | Style::Token) => {
            "Invalid token header. Token string should not contain invalid characters."
        }
        (Reason::Twice, _) => "Send one Authorization header, not several.",
        (Reason::Unknown | Reason::Ended(..), _) => "Invalid token",
        (Reason::OtherEmail, _) => "Invalid token or email",
        (Reason::Role, _) => PERMISSION,
    }
}

/// An answer in the style of RFC 6750, section 3.
pub(crate) fn challenge(status: StatusCode, detail: &str, reason: &Reason) -> HttpResponse {
    const REALM: &str = "Bearer realm=\"latchkey\"";
    let with = |error: &'static str, description: &str| {
        (Some(error), format!("{REALM}, error=\"{error}\", error_description=\"{description}\""))
    };
    let (error, header) = match reason {
        Reason::Missing => (None, REALM.to_owned()),
        Reason::NoValue | Reason::Spaces | Reason::NotText | Reason::NotBase64 | Reason::Twice => {
            with("invalid_request", detail.trim_end_matches('.'))
        }
        Reason::Unknown | Reason::OtherEmail => with("invalid_token", detail),
        Reason::Ended(end, at, _) => {
            let (what, how) = match end {
                Some(End::Deleted) => ("token", "was deleted"),
                Some(End::Retired | End::Exposed) => ("value", "was retired"),
                None => ("token", "expired"),
            };
            with("invalid_token", &format!("The {what} {how} on {at}"))
        }
        Reason::Role => with("insufficient_scope", detail.trim_end_matches('.')),
    };
    HttpResponse::build(status)
        .insert_header((WWW_AUTHENTICATE, header))
        .insert_header((CACHE_CONTROL, NO_STORE))
        .insert_header((VARY, BY_AUTHORIZATION))
        .json(Problem { detail, error })
}
