//! A connection pool for async code: waiting for a connection must not block an async thread.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use r2d2::{HandleError, PooledConnection};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::db::connection::{ConnectionManager, DbConnection, PooledConn, first_line};
use crate::db::error::{DbError, FromDb, OpenError};
use crate::db::url::DatabaseUrl;

/// Maximum time to wait for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// Maximum time to wait while the pool has no connection at all: the server is down, so requests fail early.
const ACQUIRE_WHILE_DOWN_TIMEOUT: Duration = Duration::from_millis(250);

/// A connection pool with one thread and one permit per connection.
#[derive(Clone)]
pub(crate) struct Pool {
    connections: r2d2::Pool<ConnectionManager>,
    threads: Arc<BlockingThreads>,
    permits: Arc<Semaphore>,
    response_timeout: Duration,
}

impl Pool {
    /// Opens a pool of at most `width` connections. Tests a connection to a server before each use, because it can be
    /// lost; one to a file can't.
    pub(crate) fn open(manager: ConnectionManager, width: u32) -> Result<Self, OpenError> {
        let is_server = matches!(manager.url, DatabaseUrl::Postgres(_));
        Self::open_with(manager, width, is_server)
    }

    /// [`Pool::open`] without tests before use, for [`Pool::interact_untested`].
    pub(crate) fn open_untested(manager: ConnectionManager, width: u32) -> Result<Self, OpenError> {
        Self::open_with(manager, width, false)
    }

    fn open_with(manager: ConnectionManager, width: u32, test_on_check_out: bool) -> Result<Self, OpenError> {
        let (url, response_timeout) = (manager.url.clone(), manager.limits.response_timeout);
        let failed = |error: &dyn Error| OpenError::Connect(url.clone(), first_line(&error.to_string()));
        let connections = r2d2::Pool::builder()
            .max_size(width)
            .min_idle(Some(1))
            .test_on_check_out(test_on_check_out)
            .connection_timeout(ACQUIRE_TIMEOUT)
            .error_handler(Box::new(QuietErrors))
            .build(manager)
            .map_err(|error| failed(&error))?;
        let threads = Arc::new(BlockingThreads::new(width as usize).map_err(|error| failed(&error))?);
        Ok(Self { connections, threads, permits: Arc::new(Semaphore::new(width as usize)), response_timeout })
    }

    /// Runs `work` on a blocking thread when a connection is free.
    pub(crate) async fn interact<T: Send + 'static, E: FromDb>(
        &self,
        work: impl FnOnce(&mut PooledConn) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        self.run_blocking(move |pool| work(&mut *pool.get()?)).await
    }

    /// [`Pool::interact`] in a pool without tests before use. While the connection is lost, `work` runs again on
    /// another one.
    pub(crate) async fn interact_untested<T: Send + 'static, E: FromDb>(
        &self,
        work: impl Fn(&mut PooledConn) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        self.run_blocking(move |pool| {
            // Every connection in the pool can be lost. After them, r2d2 opens a new one.
            for _ in 0..pool.connections.max_size() {
                let mut conn = pool.get()?;
                match work(&mut conn) {
                    Err(error) if matches!(error.as_db(), Some(DbError::Unavailable(_))) && conn.is_broken() => {}
                    done => return done,
                }
            }
            work(&mut *pool.get()?)
        })
        .await
    }

    async fn run_blocking<T: Send + 'static, E: FromDb>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let queue = Arc::clone(&self.permits).acquire_owned();
        let Ok(Ok(permit)) = tokio::time::timeout(ACQUIRE_TIMEOUT, queue).await else {
            return Err(DbError::Unavailable("all connections are in use".to_owned()).into());
        };
        let pool = self.clone();
        let work = self.threads.spawn(move || {
            let result = work(&pool);
            drop(permit);
            result
        });
        match tokio::time::timeout(self.response_timeout, work).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(DbError::Query("a query panicked".to_owned()).into()),
            Err(_) => Err(DbError::Unavailable(format!("no response for {:?}", self.response_timeout)).into()),
        }
    }

    /// Waits until no work is running, including work whose caller has timed out.
    pub(crate) async fn wait_until_idle(&self) {
        // Fails only if the semaphore is closed, which nothing does.
        let _ = self.permits.acquire_many(self.connections.max_size()).await;
    }

    /// A connection for callers that may block.
    pub(crate) fn get(&self) -> Result<PooledConnection<ConnectionManager>, DbError> {
        let timeout =
            if self.connections.state().connections == 0 { ACQUIRE_WHILE_DOWN_TIMEOUT } else { ACQUIRE_TIMEOUT };
        self.connections.get_timeout(timeout).map_err(|error| DbError::Unavailable(first_line(&error.to_string())))
    }
}

/// The threads of a pool, which may block. An idle thread ends after some seconds. The threads of the async runtimes are not used,
/// because there are more of them than connections, and each keeps some megabytes in the allocator after large writes.
struct BlockingThreads {
    handle: Handle,
    /// `None` while this is dropped.
    runtime: Option<Runtime>,
}

impl BlockingThreads {
    fn new(count: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().max_blocking_threads(count).thread_name("database").build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    fn spawn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        self.handle.spawn_blocking(work)
    }
}

impl Drop for BlockingThreads {
    /// Does not wait for the threads: the last clone of a pool can be dropped on an async thread.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
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
            log::warn!("the database {url} does not respond yet ({reason}); retrying for {left:?}");
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
        log::debug!("can't connect to the database: {}", first_line(&error.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::thread::ThreadId;

    use crate::db::{Db, DbError};

    #[test]
    fn a_pool_has_one_thread_for_each_connection() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&format!("sqlite:{}", folder.path().join("latchkey.db").display()).parse().unwrap()).unwrap();
        let writes = |db: Db| async move {
            let mut threads: HashSet<ThreadId> = HashSet::new();
            for _ in 0..20 {
                threads.insert(db.write(|_| Ok::<_, DbError>(std::thread::current().id())).await.unwrap());
            }
            threads
        };
        // Two workers, each with a runtime of its own, as in a server.
        let workers =
            [db.clone(), db].map(|db| std::thread::spawn(move || actix_web::rt::System::new().block_on(writes(db))));
        let threads: HashSet<ThreadId> = workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect();
        assert_eq!(threads.len(), 1, "SQLite has one connection for writes");
    }
}
