//! A pool of connections with a queue before it that does not block an async thread.

use std::sync::Arc;
use std::time::Duration;

use diesel::r2d2::{self, HandleError, PooledConnection};
use tokio::sync::Semaphore;

use crate::db::connection::{ConnectionManager, DbConnection, first_line};
use crate::db::error::{DbError, FromDb, OpenError};
use crate::db::url::DatabaseUrl;

/// How long a request queues for a connection before it is told that the database is unavailable.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// The same while there is not one connection, which is when the server is down: no use in holding people up.
const ACQUIRE_WHILE_DOWN_TIMEOUT: Duration = Duration::from_millis(250);

/// How long a request waits for its work before it is told that the database is unavailable. Longer than a statement
/// may take: only a server that does not even time out gets here. The work keeps its permit in the queue until it
/// ends, so that what hangs is bounded.
const QUERY_TIMEOUT: Duration = Duration::from_secs(20);

/// Connections, and as many permits in front of them.
#[derive(Clone)]
pub(crate) struct Pool {
    connections: r2d2::Pool<ConnectionManager>,
    /// A file does not go away; a server may.
    test_on_checkout: bool,
    permits: Arc<Semaphore>,
}

impl Pool {
    pub fn open(manager: ConnectionManager, width: u32) -> Result<Self, OpenError> {
        let url = manager.url.clone();
        let pool = r2d2::Pool::builder()
            .max_size(width)
            .min_idle(Some(1))
            // `get` asks, where there is something to ask.
            .test_on_check_out(false)
            .connection_timeout(ACQUIRE_TIMEOUT)
            .error_handler(Box::new(QuietErrors))
            .build(manager)
            .map_err(|error| OpenError::Connect(url.clone(), first_line(&error.to_string())))?;
        let test_on_checkout = matches!(url, DatabaseUrl::Postgres(_));
        Ok(Self { connections: pool, test_on_checkout, permits: Arc::new(Semaphore::new(width as usize)) })
    }

    /// Runs `work` on a thread for blocking work, when its turn has come.
    pub async fn interact<T, E>(
        &self,
        work: impl FnOnce(&mut DbConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: FromDb,
    {
        self.run_blocking(move |lane| work(&mut *lane.get()?)).await
    }

    /// [`Lane::run`] on a connection that is not tested, and once more on one that is if the first was lost.
    pub async fn interact_untested<T, E>(
        &self,
        work: impl Fn(&mut DbConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: FromDb,
    {
        self.run_blocking(move |lane| {
            let mut conn = lane.get_untested()?;
            match work(&mut conn) {
                Err(error) if matches!(error.as_db(), Some(DbError::Unavailable(_))) && conn.is_broken() => {
                    drop(conn);
                    work(&mut *lane.get()?)
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
        let lane = self.clone();
        let work = actix_web::web::block(move || {
            let done = work(&lane);
            drop(permit);
            done
        });
        match tokio::time::timeout(QUERY_TIMEOUT, work).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(DbError::Query("a query panicked".to_owned()).into()),
            Err(_) => Err(DbError::Unavailable(format!("no answer for {QUERY_TIMEOUT:?}")).into()),
        }
    }

    /// A connection that answers.
    pub fn get(&self) -> Result<PooledConnection<ConnectionManager>, DbError> {
        // Of as many connections as there may be, each may have been lost since it was used.
        for _ in 0..self.connections.max_size() {
            let mut conn = self.get_untested()?;
            if !self.test_on_checkout || !conn.is_broken() {
                return Ok(conn);
            }
        }
        self.get_untested()
    }

    fn get_untested(&self) -> Result<PooledConnection<ConnectionManager>, DbError> {
        let patience =
            if self.connections.state().connections == 0 { ACQUIRE_WHILE_DOWN_TIMEOUT } else { ACQUIRE_TIMEOUT };
        self.connections.get_timeout(patience).map_err(|error| DbError::Unavailable(first_line(&error.to_string())))
    }
}

/// The first connection of the process. A server that does not answer yet is waited for; one that refuses who we are
/// is not. A `SQLite` file that another process is just making is waited for too: it goes to WAL once, and SQLite
/// answers "locked" to whoever else wants that at the same moment, whatever its patience.
pub(crate) fn connect_with_retry(manager: &ConnectionManager) -> Result<DbConnection, OpenError> {
    let (url, limits) = (&manager.url, &manager.limits);
    let (patience, pause) = match url {
        DatabaseUrl::Sqlite(_) => (limits.lock_timeout, Duration::from_millis(20)),
        DatabaseUrl::Postgres(_) => (limits.wait_at_start, Duration::from_secs(1)),
    };
    let mut left = patience;
    loop {
        let why = match manager.open() {
            Ok(conn) => return Ok(conn),
            Err(error) => first_line(&error.to_string()),
        };
        let is_final = match url {
            DatabaseUrl::Sqlite(_) => !why.contains("locked"),
            DatabaseUrl::Postgres(_) => FATAL_CONNECT_ERRORS.iter().any(|sign| why.contains(sign)),
        };
        if is_final {
            return Err(OpenError::Connect(url.clone(), why));
        }
        if left.is_zero() {
            return Err(OpenError::Timeout(url.clone(), patience, why));
        }
        if let DatabaseUrl::Postgres(_) = url {
            log::warn!("the database {url} does not answer yet ({why}); trying for {left:?} more");
        }
        let pause = pause.min(left);
        #[expect(clippy::disallowed_methods, reason = "before there is an async thread")]
        std::thread::sleep(pause);
        left = left.saturating_sub(pause);
    }
}

/// What a server says that will say the same in a second.
const FATAL_CONNECT_ERRORS: [&str; 5] =
    ["authentication failed", "does not exist", "no password supplied", "invalid", "not permitted"];

/// Whoever waited for a connection says why there was none; that it could not be opened again is for the curious.
#[derive(Debug)]
struct QuietErrors;

impl HandleError<diesel::r2d2::Error> for QuietErrors {
    fn handle_error(&self, error: diesel::r2d2::Error) {
        log::debug!("no connection to the database: {}", first_line(&error.to_string()));
    }
}
