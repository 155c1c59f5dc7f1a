//! Authentication of API requests. Each worker has one [`Authenticator`].
//!
//! Lookup results are cached: workspace ids for many values, callers for few. Each request first reads the identity
//! epoch, which costs less than a lookup, and uses a cache entry only if it has the same epoch. On `SQLite` the worker
//! reads on a connection of its own. On `PostgreSQL` one query serves all waiting requests of a worker. No request may
//! use a cache entry without an epoch that was read after the request arrived.

use std::rc::Rc;
use std::sync::Arc;

use actix_web::HttpRequest;

use crate::auth::batcher::LookupBatcher;
use crate::auth::cache::CacheEntry;
use crate::auth::caller::Caller;
use crate::auth::credentials::Credentials;
use crate::auth::decision::{self, authorize};
use crate::auth::look::SnapshotReader;
use crate::auth::rejection::{Rejection, RejectionReason};
use crate::auth::store;
use crate::auth::token_cache::{CachedIdentity, TokenCache, WorkerCache, cache_entry};
use crate::base::client_info::ClientInfo;
use crate::base::clock::Timestamp;
use crate::db::{DbConnection, DbError, IdentityEpoch};
use crate::usage::UsageRecorder;
use crate::web::app_state::AppState;
use crate::web::client_info;

/// Authenticates the requests of one worker. A successful authentication counts as a use of the value.
pub struct Authenticator {
    app: AppState,
    uses: UsageRecorder,
    cache: WorkerCache,
    source: LookupSource,
}

enum LookupSource {
    /// Runs on the worker's own connection, in the worker thread.
    Local(Rc<SnapshotReader>),
    /// Runs in batches on a pooled connection.
    Pooled(Rc<LookupBatcher>),
}

/// The identity, a rejection, or a database error.
pub type Verdict<T> = Result<Result<Arc<T>, Rejection>, DbError>;

impl Authenticator {
    /// Creates the authenticator of one worker. All workers share `shared`.
    #[must_use]
    pub fn new(app: &AppState, uses: UsageRecorder, shared: TokenCache) -> Self {
        let local = app.db.local_connection().unwrap_or_else(|error| {
            log::warn!("a worker has no connection of its own and uses the others: {error}");
            None
        });
        let source = local.map_or_else(
            || LookupSource::Pooled(LookupBatcher::new(app.db.clone())),
            |connection| LookupSource::Local(SnapshotReader::new(connection)),
        );
        Self { app: app.clone(), uses, cache: WorkerCache::new(shared), source }
    }

    /// The IP address and user agent of the request's client.
    #[must_use]
    pub fn client_info(&self, request: &HttpRequest) -> ClientInfo {
        client_info::client_info(request, &self.app.site.trusted_proxies)
    }

    /// Authenticates the credentials. Records the use of the value, or the rejected use of a value that has ended.
    pub async fn authenticate<T: CachedIdentity>(&self, presented: Credentials, client: ClientInfo) -> Verdict<T> {
        let entry = self.resolve(&presented).await?;
        Ok(self.record_usage(entry, client))
    }

    async fn resolve<T: CachedIdentity>(
        &self,
        presented: &Credentials,
    ) -> Result<Result<CacheEntry<Arc<T>>, Rejection>, DbError> {
        // Read the epoch before the lookup: a commit between the two then invalidates the entry instead of leaving a
        // stale one.
        let (epoch, found) = match &self.source {
            LookupSource::Local(reader) => {
                let epoch = reader.epoch().await?;
                if let Some(entry) = self.cached(presented, epoch) {
                    return Ok(Ok(entry));
                }
                (epoch, reader.read(|conn| store::find_by_digest(conn, presented.digest()))?)
            }
            LookupSource::Pooled(batcher) => {
                // A query for the epoch alone is worth its round trip only if a cache hit is likely.
                if batcher.last_epoch().is_some_and(|epoch| self.cached::<T>(presented, epoch).is_some()) {
                    let epoch = batcher.epoch().await?;
                    if let Some(entry) = self.cached(presented, epoch) {
                        return Ok(Ok(entry));
                    }
                }
                let (epoch, found) = batcher.find(presented.digest()).await?;
                (epoch, found.map(Arc::unwrap_or_clone))
            }
        };
        Ok(decision::authorize(found, presented, self.app.clock.now()).map(|caller| {
            let caller = Arc::new(caller);
            T::insert(&self.cache, presented.digest(), epoch, &caller);
            cache_entry(&caller).map(|caller| T::from_caller(&caller))
        }))
    }

    /// The cache entry, if it has this epoch and its value has not ended.
    fn cached<T: CachedIdentity>(&self, presented: &Credentials, epoch: IdentityEpoch) -> Option<CacheEntry<Arc<T>>> {
        let now = self.app.clock.now();
        T::cached(&self.cache, presented, epoch).filter(|entry| now < entry.expires_at)
    }

    fn record_usage<T>(
        &self,
        entry: Result<CacheEntry<Arc<T>>, Rejection>,
        client: ClientInfo,
    ) -> Result<Arc<T>, Rejection> {
        let now = self.app.clock.now();
        match &entry {
            Ok(entry) => self.uses.record(entry.value_id, client, now),
            Err(Rejection { reason: RejectionReason::Ended(_, _, value), .. }) => {
                self.uses.record_rejected(*value, client, now);
            }
            Err(_) => {}
        }
        entry.map(|entry| entry.data)
    }
}

/// Authenticates with one lookup and without a cache, for code that has no [`Authenticator`]. Records no use.
pub fn authenticate_uncached(
    conn: &mut DbConnection,
    presented: &Credentials,
    now: Timestamp,
) -> Result<Result<Caller, Rejection>, DbError> {
    let found = store::find_by_digest(conn, &presented.digest)?;
    Ok(authorize(found, presented, now))
}
