//! The errors of a page, and the one place that turns them into an answer. Errors under `/api` are built in `web::json`.

use actix_web::http::StatusCode;
use actix_web::http::header::ALLOW;
use actix_web::{HttpResponse, ResponseError};

use crate::db::{DbError, FromDb};
use crate::web::html::{self, Message};

/// Why a page could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// Missing, or another's: both look the same.
    #[error("not found")]
    NotFound,
    /// Not for this person; the notice says why and what to do.
    #[error("forbidden: {}", .0.heading)]
    Forbidden(Message),
    /// A request that no form of ours makes.
    #[error("bad request: {}", .1.heading)]
    Bad(StatusCode, Message),
    /// The path exists, but not for this method; holds what it takes.
    #[error("method not allowed")]
    Method(String),
    /// Somewhere else: 303 to this path.
    #[error("see other")]
    SeeOther(String),
    /// Locked, gone or too busy.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// A defect: the reader gets a request id, the log the reason.
    #[error("{0}")]
    Internal(String),
    /// A failed query. Kept as it is, so that a transaction that fails with a page error can be retried.
    #[error("{}", match .0 {
        DbError::Unavailable(reason) => format!("unavailable: {reason}"),
        DbError::UniqueViolation(reason) | DbError::Query(reason) => reason.clone(),
    })]
    Db(#[source] DbError),
}

impl PageError {
    /// Refuses with a heading and a sentence that says what to do next.
    #[must_use]
    pub fn bad(status: StatusCode, heading: &'static str, text: &str) -> Self {
        Self::Bad(status, Message::new(heading, text))
    }
}

impl From<DbError> for PageError {
    fn from(error: DbError) -> Self {
        Self::Db(error)
    }
}

impl FromDb for PageError {
    fn as_db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) => Some(error),
            _ => None,
        }
    }
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
            Self::NotFound => html::message(
                status,
                &Message::new(
                    "Page not found",
                    "There is nothing at this address, or it is not yours to see. Check the address, or start again from your workspace.",
                ),
            ),
            Self::Forbidden(notice) | Self::Bad(_, notice) => html::message(status, notice),
            Self::Method(allow) => {
                let mut answer = html::message(
                    status,
                    &Message::new(
                        "That does not work here",
                        "This address can’t be used in that way. Go back and use the page’s own buttons.",
                    ),
                );
                if let Ok(allow) = allow.parse() {
                    answer.headers_mut().insert(ALLOW, allow);
                }
                answer
            }
            Self::SeeOther(path) => html::redirect(path),
            Self::Unavailable(_) | Self::Db(DbError::Unavailable(_)) => html::unavailable(None),
            // The page with the request id is made where the id is known: web::request_log.
            Self::Internal(_) | Self::Db(DbError::UniqueViolation(_) | DbError::Query(_)) => HttpResponse::new(status),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_query_stays_recognizable_for_a_retry() {
        let page = PageError::from(DbError::Unavailable("deadlock detected".to_owned()));
        assert!(matches!(page.as_db(), Some(DbError::Unavailable(_))));
        assert_eq!((page.status_code().as_u16(), page.to_string()), (503, "unavailable: deadlock detected".to_owned()));
        let page = PageError::from(DbError::Query("no such column".to_owned()));
        assert_eq!((page.status_code().as_u16(), page.to_string()), (500, "no such column".to_owned()));
    }
}
