//! Errors of pages and their responses. [`crate::web::json`] has those under `/api`.

use actix_web::http::StatusCode;
use actix_web::http::header::ALLOW;
use actix_web::{HttpResponse, ResponseError};

use crate::db::DbError;
use crate::web::html::{self, Message};

/// The reason why a handler does not return its page.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The resource does not exist, or the user may not see it: both give the same page.
    #[error("not found")]
    NotFound,
    /// The user has no access; the message gives the reason and the remedy.
    #[error("forbidden: {}", .0.heading)]
    Forbidden(Message),
    /// The request is invalid; none of the site's forms sends it.
    #[error("bad request: {}", .1.heading)]
    Bad(StatusCode, Message),
    /// The path does not support the method; holds the value of `Allow`.
    #[error("method not allowed")]
    Method(String),
    /// A redirect (303) to this path.
    #[error("see other")]
    SeeOther(String),
    /// The server is overloaded, or the session store failed; holds the reason for the log.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// A defect; holds the reason for the log. The page shows only the request id.
    #[error("{0}")]
    Internal(String),
    /// A failed query. The source stays available, so that [`crate::db::Db::write`] can retry the transaction.
    #[error("{}", match .0 {
        DbError::Unavailable(reason) => format!("unavailable: {reason}"),
        DbError::UniqueViolation(reason) | DbError::Query(reason) => reason.clone(),
    })]
    Db(#[from] DbError),
}

impl PageError {
    /// Creates a [`PageError::Bad`] with this heading and text.
    #[must_use]
    pub fn bad(status: StatusCode, heading: &'static str, text: &str) -> Self {
        Self::Bad(status, Message::new(heading, text))
    }
}

/// The message of [`PageError::NotFound`].
pub(crate) fn not_found_message() -> Message {
    Message::new(
        "Page not found",
        "This page doesn’t exist, or you don’t have access to it. Check the address, or start again from your workspace.",
    )
}

impl ResponseError for PageError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::Bad(status, _) => *status,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::SeeOther(_) => StatusCode::SEE_OTHER,
            Self::Unavailable(_) | Self::Db(DbError::Unavailable(_)) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) | Self::Db(DbError::UniqueViolation(_) | DbError::Query(_)) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    fn error_response(&self) -> HttpResponse {
        let status = self.status_code();
        match self {
            Self::NotFound => html::message(status, &not_found_message()),
            Self::Forbidden(message) | Self::Bad(_, message) => html::message(status, message),
            Self::Method(allow) => {
                let mut response = html::message(
                    status,
                    &Message::new(
                        "This action isn’t available here",
                        "This address can’t be used this way. Go back and use the buttons on the page.",
                    ),
                );
                if let Ok(allow) = allow.parse() {
                    response.headers_mut().insert(ALLOW, allow);
                }
                response
            }
            Self::SeeOther(path) => html::redirect(path),
            Self::Unavailable(_) | Self::Db(DbError::Unavailable(_)) => html::unavailable(None),
            // `web::request_log` knows the request id and renders the page.
            Self::Internal(_) | Self::Db(DbError::UniqueViolation(_) | DbError::Query(_)) => HttpResponse::new(status),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::FromDb as _;

    #[test]
    fn a_failed_query_is_still_available_for_a_retry() {
        let page = PageError::from(DbError::Unavailable("deadlock detected".to_owned()));
        assert!(matches!(page.as_db(), Some(DbError::Unavailable(_))));
        assert_eq!((page.status_code().as_u16(), page.to_string()), (503, "unavailable: deadlock detected".to_owned()));
        let page = PageError::from(DbError::Query("no such column".to_owned()));
        assert_eq!((page.status_code().as_u16(), page.to_string()), (500, "no such column".to_owned()));
    }
}
