//! A connection pool for async code: waiting for a connection must not block an async thread.

use std::sync::Arc;
use std::time::Duration;

use diesel::r2d2::{self, HandleError, PooledConnection};
use tokio::sync::Semaphore;

use crate::db::connection::{ConnectionManager, DbConnection, first_line};
use crate::db::error::{DbError, FromDb, OpenError};
use crate::db::url::DatabaseUrl;

/// Maximum time to wait for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// Maximum time to wait while the pool has no connection at all: the server is down, so requests fail early.
const ACQUIRE_WHILE_DOWN_TIMEOUT: Duration = Duration::from_millis(250);

/// Maximum time to wait for the work on a connection. It is longer than the default statement timeout, so only an
/// unresponsive server reaches it. The work keeps its permit until it ends, which bounds the number of blocked threads.
const QUERY_TIMEOUT: Duration = Duration::from_secs(20);

/// A connection pool with one permit per connection.
#[derive(Clone)]
pub(crate) struct Pool {
    connections: r2d2::Pool<ConnectionManager>,
    /// True for a server, whose connections can be lost; false for a file.
    test_on_checkout: bool,
    permits: Arc<Semaphore>,
}

impl Pool {
    pub fn open(manager: ConnectionManager, width: u32) -> Result<Self, OpenError> {
        let url = manager.url.clone();
        let pool = r2d2::Pool::builder()
            .max_size(width)
            .min_idle(Some(1))
            // `get` tests the connection where necessary.
            .test_on_check_out(false)
            .connection_timeout(ACQUIRE_TIMEOUT)
            .error_handler(Box::new(QuietErrors))
            .build(manager)
            .map_err(|error| OpenError::Connect(url.clone(), first_line(&error.to_string())))?;
        let test_on_checkout = matches!(url, DatabaseUrl::Postgres(_));
        Ok(Self { connections: pool, test_on_checkout, permits: Arc::new(Semaphore::new(width as usize)) })
    }

    /// Runs `work` on a blocking thread when a connection is free.
    pub async fn interact<T, E>(
        &self,
        work: impl FnOnce(&mut DbConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: FromDb,
    {
        self.run_blocking(move |pool| work(&mut *pool.get()?)).await
    }

    /// [`Pool::interact`] on an untested connection. If it is lost, `work` runs again on a tested one.
    pub async fn interact_untested<T, E>(
        &self,
        work: impl Fn(&mut DbConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: FromDb,
    {
        self.run_blocking(move |pool| {
            let mut conn = pool.get_untested()?;
            match work(&mut conn) {
                Err(error) if matches!(error.as_db(), Some(DbError::Unavailable(_))) && conn.is_broken() => {
                    drop(conn);
                    work(&mut *pool.get()?)
                }
                done => done,
            }
        })
        .await
    }

    async fn run_blocking<T, E>(&self, work: impl FnOnce(&Self) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: FromDb,
    {
        let queue = Arc::clone(&self.permits).acquire_owned();
        let Ok(Ok(permit)) = tokio::time::timeout(ACQUIRE_TIMEOUT, queue).await else {
            return Err(DbError::Unavailable("every connection is busy".to_owned()).into());
        };
        let pool = self.clone();
        let work = actix_web::web::block(move || {
            let done = work(&pool);
            drop(permit);
            done
        });
        match tokio::time::timeout(QUERY_TIMEOUT, work).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(DbError::Query("a query panicked".to_owned()).into()),
            Err(_) => Err(DbError::Unavailable(format!("no answer for {QUERY_TIMEOUT:?}")).into()),
        }
    }

    /// Returns a tested connection.
    pub fn get(&self) -> Result<PooledConnection<ConnectionManager>, DbError> {
        // Every connection in the pool may have been lost since its last use.
        for _ in 0..self.connections.max_size() {
            let mut conn = self.get_untested()?;
            if !self.test_on_checkout || !conn.is_broken() {
                return Ok(conn);
            }
        }
        self.get_untested()
    }

    fn get_untested(&self) -> Result<PooledConnection<ConnectionManager>, DbError> {
        let timeout =
            if self.connections.state().connections == 0 { ACQUIRE_WHILE_DOWN_TIMEOUT } else { ACQUIRE_TIMEOUT };
        self.connections.get_timeout(timeout).map_err(|error| DbError::Unavailable(first_line(&error.to_string())))
    }
}

/// Opens the first connection of the process. Retries while a server does not respond, but not if it rejects the
/// credentials. Also retries while another process creates the `SQLite` file: during the switch to WAL, `SQLite`
/// returns "locked" to other connections regardless of their busy timeout.
pub(crate) fn connect_with_retry(manager: &ConnectionManager) -> Result<DbConnection, OpenError> {
    let (url, limits) = (&manager.url, &manager.limits);
    let (timeout, pause) = match url {
        DatabaseUrl::Sqlite(_) => (limits.lock_timeout, Duration::from_millis(20)),
        DatabaseUrl::Postgres(_) => (limits.wait_at_start, Duration::from_secs(1)),
    };
    let mut left = timeout;
    loop {
        let reason = match manager.open() {
            Ok(conn) => return Ok(conn),
            Err(error) => first_line(&error.to_string()),
        };
        let is_final = match url {
            DatabaseUrl::Sqlite(_) => !reason.contains("locked"),
            DatabaseUrl::Postgres(_) => FATAL_CONNECT_ERRORS.iter().any(|part| reason.contains(part)),
        };
        if is_final {
            return Err(OpenError::Connect(url.clone(), reason));
        }
        if left.is_zero() {
            return Err(OpenError::Timeout(url.clone(), timeout, reason));
        }
        if let DatabaseUrl::Postgres(_) = url {
            log::warn!("the database {url} does not answer yet ({reason}); trying for {left:?} more");
        }
        let pause = pause.min(left);
        #[expect(clippy::disallowed_methods, reason = "runs before the first async thread starts")]
        std::thread::sleep(pause);
        left = left.saturating_sub(pause);
    }
}

/// Parts of messages after which a retry is useless.
const FATAL_CONNECT_ERRORS: [&str; 5] =
    ["authentication failed", "does not exist", "no password supplied", "invalid", "not permitted"];

/// Logs connection errors at debug level: the caller that waits for a connection returns the error.
#[derive(Debug)]
struct QuietErrors;

impl HandleError<diesel::r2d2::Error> for QuietErrors {
    fn handle_error(&self, error: diesel::r2d2::Error) {
        log::debug!("no connection to the database: {}", first_line(&error.to_string()));
    }
}
