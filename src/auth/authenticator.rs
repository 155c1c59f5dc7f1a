//! The door of the API, one a worker: from what is presented to the caller, as things stand at this moment.
//!
//! What a lookup found is remembered: for many values where they lead, which is all that most requests need, and for few
//! who their callers are. Each request first asks for the epoch, which costs less than the lookup, and believes only what
//! was found in it. On `SQLite` it asks, and looks up, right here, on a connection of the worker's own. On `PostgreSQL` those
//! who wait are asked for together.

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

/// What a worker needs to let callers in. To be let in is what counts as a use of a value.
pub struct Authenticator {
    app: AppState,
    uses: UsageRecorder,
    cache: WorkerCache,
    source: LookupSource,
}

/// To the database.
enum LookupSource {
    /// So near that the lookup is made here.
    Local(Rc<SnapshotReader>),
    /// By a connection that others use too.
    Pooled(Rc<LookupBatcher>),
}

/// Let in, refused, or nobody can say.
pub type Verdict<T> = Result<Result<Arc<T>, Rejection>, DbError>;

impl Authenticator {
    /// A worker's door, which shares this with the doors of the other workers.
    #[must_use]
    pub fn new(app: &AppState, uses: UsageRecorder, shared: TokenCache) -> Self {
        let near = app.db.local_connection().unwrap_or_else(|error| {
            log::warn!("a worker has no connection of its own and uses the others: {error}");
            None
        });
        let way = near.map_or_else(
            || LookupSource::Pooled(LookupBatcher::new(app.db.clone())),
            |near| LookupSource::Local(SnapshotReader::new(near)),
        );
        Self { app: app.clone(), uses, cache: WorkerCache::new(shared), source: way }
    }

    /// Who sends a request.
    #[must_use]
    pub fn client_info(&self, request: &HttpRequest) -> ClientInfo {
        client_info::client_info(request, &self.app.site.trusted_proxies)
    }

    /// Finds what is behind what was presented, and notes the use, or the try of a value that has ended.
    pub async fn authenticate<T: CachedIdentity>(&self, presented: Credentials, client: ClientInfo) -> Verdict<T> {
        let pass = self.resolve(&presented).await?;
        Ok(self.record_usage(pass, client))
    }

    async fn resolve<T: CachedIdentity>(
        &self,
        presented: &Credentials,
    ) -> Result<Result<CacheEntry<Arc<T>>, Rejection>, DbError> {
        // The epoch before the lookup: a commit between the two makes the memory older than it is, never younger.
        let (epoch, found) = match &self.source {
            LookupSource::Local(looks) => {
                let epoch = looks.epoch().await?;
                if let Some(pass) = self.cached(presented, epoch) {
                    return Ok(Ok(pass));
                }
                (epoch, looks.read(|conn| store::find_by_digest(conn, presented.digest()))?)
            }
            LookupSource::Pooled(lookups) => {
                // Only what is likely to be recalled is worth a way for the epoch alone.
                if lookups.last_epoch().is_some_and(|seen| self.cached::<T>(presented, seen).is_some()) {
                    let epoch = lookups.epoch().await?;
                    if let Some(pass) = self.cached(presented, epoch) {
                        return Ok(Ok(pass));
                    }
                }
                let (epoch, found) = lookups.find(presented.digest()).await?;
                (epoch, found.map(Arc::unwrap_or_clone))
            }
        };
        Ok(decision::authorize(found, presented, self.app.clock.now()).map(|caller| {
            let caller = Arc::new(caller);
            T::insert(&self.cache, presented.digest(), epoch, &caller);
            cache_entry(&caller).map(|caller| T::from_caller(&caller))
        }))
    }

    /// What is remembered, if it was found in this epoch and holds still.
    fn cached<T: CachedIdentity>(&self, presented: &Credentials, epoch: IdentityEpoch) -> Option<CacheEntry<Arc<T>>> {
        let now = self.app.clock.now();
        T::cached(&self.cache, presented, epoch).filter(|pass| now < pass.expires_at)
    }

    fn record_usage<T>(
        &self,
        pass: Result<CacheEntry<Arc<T>>, Rejection>,
        client: ClientInfo,
    ) -> Result<Arc<T>, Rejection> {
        let now = self.app.clock.now();
        match &pass {
            Ok(pass) => self.uses.record(pass.value_id, client, now),
            Err(Rejection { reason: RejectionReason::Ended(_, _, value), .. }) => {
                self.uses.record_rejected(*value, client, now);
            }
            Err(_) => {}
        }
        pass.map(|pass| pass.data)
    }
}

/// Finds the caller behind what was presented by a lookup of its own, for whoever has no door.
pub fn authenticate_uncached(
    conn: &mut DbConnection,
    presented: &Credentials,
    now: Timestamp,
) -> Result<Result<Caller, Rejection>, DbError> {
    let found = store::find_by_digest(conn, &presented.digest)?;
    Ok(authorize(found, presented, now))
}
