//! Authentication of API requests. Each worker has one [`Authenticator`].
//!
//! Lookup results are cached: workspace ids for many values, callers for few. A cache entry is used only if it has the
//! epoch of a read that began after the request arrived. Reading the epoch costs less than a lookup.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::HttpRequest;

use crate::auth::batcher::LookupBatcher;
use crate::auth::cache::CacheEntry;
use crate::auth::caller::{Caller, WorkspaceAccess};
use crate::auth::credentials::Credentials;
use crate::auth::decision::authorize;
use crate::auth::epoch::IdentityEpoch;
use crate::auth::error::AuthError;
use crate::auth::rejection::RejectionReason;
use crate::auth::store;
use crate::auth::token_cache::{TokenCache, WorkerCache};
use crate::base::client_info::ClientInfo;
use crate::base::clock::Timestamp;
use crate::db::{DbConnection, DbError};
use crate::usage::UsageRecorder;
use crate::web::app_state::AppState;
use crate::web::client_info;
use crate::workspaces::store as workspaces;

/// Authenticates the requests of one worker. A successful authentication counts as a use of the value, and that of a
/// value that has ended as a rejected use.
pub struct Authenticator {
    app: AppState,
    usage: UsageRecorder,
    cache: WorkerCache,
    batcher: Rc<LookupBatcher>,
    /// Whether the access log shows the token of a request.
    notes_tokens: bool,
    /// Whether there was more than one workspace in this epoch.
    has_several_workspaces: Cell<Option<(IdentityEpoch, bool)>>,
}

impl Authenticator {
    /// Creates the authenticator of one worker. All workers share `shared`.
    #[must_use]
    pub fn new(app: &AppState, usage: UsageRecorder, shared: TokenCache, notes_tokens: bool) -> Self {
        Self {
            app: app.clone(),
            usage,
            cache: WorkerCache::new(shared),
            batcher: LookupBatcher::new(&app.db),
            notes_tokens,
            has_several_workspaces: Cell::new(None),
        }
    }

    /// The IP address and user agent of the request's client.
    #[must_use]
    pub fn client_info(&self, request: &HttpRequest) -> ClientInfo {
        client_info::client_info(request, &self.app)
    }

    /// Whether extractors note the token of a request, see [`crate::auth::extract::NotedToken`].
    pub(crate) fn notes_tokens(&self) -> bool {
        self.notes_tokens
    }

    /// Authenticates the credentials and returns the caller.
    pub async fn authenticate_caller(
        &self,
        credentials: &Credentials,
        client: ClientInfo,
    ) -> Result<Arc<Caller>, AuthError> {
        let entry = if let Some(entry) = self.cached(|epoch| self.cache.caller(credentials, epoch)).await? {
            entry
        } else {
            let (epoch, caller) = self.look_up(credentials, &client).await?;
            self.cache.insert_caller(credentials.digest(), epoch, &caller);
            CacheEntry::from(caller)
        };
        Ok(self.record_usage(entry, client))
    }

    /// Authenticates the credentials and returns the workspace. It costs less than the caller.
    pub async fn authenticate_workspace(
        &self,
        credentials: &Credentials,
        client: ClientInfo,
    ) -> Result<Arc<WorkspaceAccess>, AuthError> {
        let entry = if let Some(entry) = self.cached(|epoch| self.cache.workspace(credentials, epoch)).await? {
            entry
        } else {
            let (epoch, caller) = self.look_up(credentials, &client).await?;
            self.cache.insert_workspace(credentials.digest(), epoch, &caller);
            CacheEntry::from(caller).map(|caller| WorkspaceAccess::new(&caller.workspace))
        };
        Ok(self.record_usage(entry, client))
    }

    /// Returns `true` if there is more than one workspace. Must be called after the request was authenticated: the last
    /// epoch is then one of a read that began after the request arrived. There is one query for each epoch.
    pub async fn has_several_workspaces(&self) -> Result<bool, DbError> {
        if let Some((epoch, has_several)) = self.has_several_workspaces.get()
            && self.batcher.last_epoch() == Some(epoch)
        {
            return Ok(has_several);
        }
        // The epoch is read first: a workspace that is created between the two reads makes the entry too old.
        let read =
            |conn: &mut DbConnection| Ok::<_, DbError>((IdentityEpoch::read(conn)?, workspaces::has_several(conn)?));
        let (epoch, has_several) = self.app.db.look_up(read).await?;
        self.has_several_workspaces.set(Some((epoch, has_several)));
        Ok(has_several)
    }

    /// The cache entry, if it has the current epoch and its value has not ended.
    async fn cached<T>(
        &self,
        get: impl FnOnce(IdentityEpoch) -> Option<CacheEntry<T>>,
    ) -> Result<Option<CacheEntry<T>>, DbError> {
        // Reading the epoch alone is worth its cost only if the cache has an entry of the last known epoch.
        let Some(last_epoch) = self.batcher.last_epoch() else { return Ok(None) };
        let Some(entry) = get(last_epoch) else { return Ok(None) };
        let is_current = self.batcher.epoch().await? == last_epoch;
        Ok(Some(entry).filter(|entry| is_current && self.app.clock.now() < entry.expires_at))
    }

    async fn look_up(
        &self,
        credentials: &Credentials,
        client: &ClientInfo,
    ) -> Result<(IdentityEpoch, Arc<Caller>), AuthError> {
        let (epoch, record) = self.batcher.find(credentials.digest()).await?;
        let now = self.app.clock.now();
        let caller = authorize(record, credentials, now).inspect_err(|rejection| {
            if let RejectionReason::Ended { value, .. } = rejection.reason {
                self.usage.record_rejected(value, client.clone(), now);
            }
        })?;
        Ok((epoch, Arc::new(caller)))
    }

    fn record_usage<T>(&self, entry: CacheEntry<T>, client: ClientInfo) -> T {
        self.usage.record(entry.value_id, client, self.app.clock.now());
        entry.data
    }
}

/// Authenticates with one lookup and without a cache, for code that has no [`Authenticator`]. Records no use.
pub fn authenticate_uncached(
    conn: &mut DbConnection,
    credentials: &Credentials,
    now: Timestamp,
) -> Result<Caller, AuthError> {
    Ok(authorize(store::find_by_digest(conn, credentials.digest())?, credentials, now)?)
}
