//! `/healthz` and `/readyz`: probes for process managers and load balancers. Responses must not contain details of an error.

use std::sync::Mutex;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, ContentType, HeaderValue, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError, web};

use crate::accounts::{site_settings, store as accounts};
use crate::base::clock::Timestamp;
use crate::db::DbError;
use crate::web::app_state::AppState;

/// `GET /healthz`: the process answers.
pub(crate) async fn healthz() -> HttpResponse {
    plain(StatusCode::OK, "ok\n")
}

/// Interval between two checks of the last backup. Probes may come every second.
const BACKUP_CHECK_INTERVAL: Duration = Duration::from_hours(1);

/// The time of the last check of the last backup.
#[derive(Debug, Default)]
pub(crate) struct BackupCheck(Mutex<Option<Timestamp>>);

impl BackupCheck {
    /// Returns whether a check is due, and counts it as done.
    fn is_due(&self, now: Timestamp) -> bool {
        let Ok(mut last) = self.0.lock() else { return false };
        let is_due = last.is_none_or(|last| now.since(last).max(last.since(now)) >= BACKUP_CHECK_INTERVAL);
        if is_due {
            *last = Some(now);
        }
        is_due
    }
}

/// `GET /readyz`: the database answers and is migrated. Logs a warning if the last backup is too old.
pub(crate) async fn readyz(
    app: web::Data<AppState>,
    backup_check: web::Data<BackupCheck>,
) -> Result<HttpResponse, ReadinessError> {
    if app.db.is_ready().await {
        let now = app.clock.now();
        if backup_check.is_due(now)
            && let Some(last) = app.db.read(move |conn| site_settings::overdue_backup(conn, now)).await?
        {
            log::warn!("the last backup is from {}: backups are expected every day", last.display());
        }
        return Ok(plain(StatusCode::OK, "ready\n"));
    }
    // A query of the application returns the cause; if it succeeds, a migration is missing.
    app.db.read(accounts::has_users).await?;
    Err(ReadinessError::NotMigrated)
}

/// The reasons why `/readyz` returns 503. The endpoint is public, so details go to the log only.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadinessError {
    #[error("{0}")]
    Db(#[from] DbError),
    #[error("the database has pending migrations: run latchkey migrate")]
    NotMigrated,
}

impl ResponseError for ReadinessError {
    fn error_response(&self) -> HttpResponse {
        let line = match self {
            Self::Db(DbError::Unavailable(_)) => "the database does not answer\n",
            Self::Db(DbError::UniqueViolation(_) | DbError::Query(_)) => "a query fails\n",
            Self::NotMigrated => "the database is not migrated\n",
        };
        let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, line);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        response
    }

    fn status_code(&self) -> StatusCode {
        StatusCode::SERVICE_UNAVAILABLE
    }
}

/// A line of text, not cacheable.
fn plain(status: StatusCode, line: &'static str) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header(ContentType::plaintext())
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(line)
}
