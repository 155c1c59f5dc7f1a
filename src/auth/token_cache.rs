//! Caches of authentication results: workspace ids for many values, which is enough for most requests, and callers for
//! few.
//!
//! All workers share the entries of values, because there may be a million of them. Each worker has its own copies of
//! workspaces, because a shared reference count would be contended.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use actix_web::web::Bytes;

use crate::auth::cache::{CacheEntry, ShardedCache};
use crate::auth::caller::Caller;
use crate::auth::credentials::Credentials;
use crate::base::clock::Timestamp;
use crate::db::IdentityEpoch;
use crate::db::ids::WorkspaceId;
use crate::tokens::secret::ValueDigest;
use crate::workspaces::model::Workspace;

/// Shards and entries per shard. A caller takes about 500 bytes: at most 1 MB.
const CALLER_CACHE_SHAPE: (usize, usize) = (1 << 8, 8);

/// Shards and entries per shard. An entry takes 24 bytes: at most 40 MB, 27 MB for a million values.
const TOKEN_CACHE_SHAPE: (usize, usize) = (1 << 15, 48);

/// Maximum number of workspaces that a worker caches, about 700 bytes each. Values of other workspaces are not cached.
const MAX_WORKSPACES: usize = 2048;

/// The cache that all workers share. A clone is a handle to the same cache.
#[derive(Clone)]
pub struct TokenCache {
    callers: ShardedCache<Arc<Caller>>,
    workspace_ids: ShardedCache<CompactWorkspaceId>,
}

/// A workspace's key, if it fits in 32 bits.
type CompactWorkspaceId = u32;

impl Default for TokenCache {
    fn default() -> Self {
        Self {
            callers: ShardedCache::new(CALLER_CACHE_SHAPE.0, CALLER_CACHE_SHAPE.1),
            workspace_ids: ShardedCache::new(TOKEN_CACHE_SHAPE.0, TOKEN_CACHE_SHAPE.1),
        }
    }
}

/// The caches that one worker uses.
pub struct WorkerCache {
    shared: TokenCache,
    workspaces: RefCell<WorkspaceCache>,
}

impl WorkerCache {
    pub(crate) fn new(shared: TokenCache) -> Self {
        Self { shared, workspaces: RefCell::default() }
    }
}

/// An identity that a handler can request, with its cache.
pub trait CachedIdentity: Sized + 'static {
    /// Converts the result of a lookup.
    fn from_caller(caller: &Arc<Caller>) -> Arc<Self>;
    /// The workspace that the value gives access to.
    fn workspace(&self) -> &Workspace;
    /// The cache entry for these credentials in this epoch. `None` if a lookup is required.
    fn cached(cache: &WorkerCache, presented: &Credentials, epoch: IdentityEpoch) -> Option<CacheEntry<Arc<Self>>>;
    /// Caches the result of a lookup in this epoch.
    fn insert(cache: &WorkerCache, digest: &ValueDigest, epoch: IdentityEpoch, caller: &Arc<Caller>);
}

impl CachedIdentity for Caller {
    fn from_caller(caller: &Arc<Caller>) -> Arc<Self> {
        Arc::clone(caller)
    }
    fn workspace(&self) -> &Workspace {
        &self.workspace
    }
    fn cached(cache: &WorkerCache, presented: &Credentials, epoch: IdentityEpoch) -> Option<CacheEntry<Arc<Self>>> {
        cache
            .shared
            .callers
            .get(presented.digest(), epoch)
            .filter(|entry| presented.matches_email(&entry.data.user.email))
    }
    fn insert(cache: &WorkerCache, digest: &ValueDigest, epoch: IdentityEpoch, caller: &Arc<Caller>) {
        cache.shared.callers.insert(digest, epoch, cache_entry(caller));
    }
}

/// The workspace that a value gives access to, with its cached JSON. It has no owner, so credentials with an email
/// address always require a lookup.
pub struct WorkspaceAccess {
    /// The workspace.
    pub workspace: Arc<Workspace>,
    json: OnceLock<Bytes>,
}

impl WorkspaceAccess {
    fn new(workspace: &Arc<Workspace>) -> Arc<Self> {
        Arc::new(Self { workspace: Arc::clone(workspace), json: OnceLock::new() })
    }

    /// The workspace's JSON. `serialize` runs on the first call only.
    pub fn cached_json(&self, serialize: impl FnOnce(&Workspace) -> Bytes) -> Bytes {
        self.json.get_or_init(|| serialize(&self.workspace)).clone()
    }
}

impl CachedIdentity for WorkspaceAccess {
    fn from_caller(caller: &Arc<Caller>) -> Arc<Self> {
        Self::new(&caller.workspace)
    }
    fn workspace(&self) -> &Workspace {
        &self.workspace
    }
    fn cached(cache: &WorkerCache, presented: &Credentials, epoch: IdentityEpoch) -> Option<CacheEntry<Arc<Self>>> {
        if !presented.has_no_email() {
            return None;
        }
        let entry = cache.shared.workspace_ids.get(presented.digest(), epoch)?;
        let copy = cache.workspaces.borrow().get(entry.data, epoch)?;
        Some(entry.map(|_| copy))
    }
    fn insert(cache: &WorkerCache, digest: &ValueDigest, epoch: IdentityEpoch, caller: &Arc<Caller>) {
        let WorkspaceId(key) = caller.workspace.key;
        let Ok(id) = CompactWorkspaceId::try_from(key) else { return };
        if cache.workspaces.borrow_mut().insert(id, epoch, &caller.workspace) {
            cache.shared.workspace_ids.insert(digest, epoch, cache_entry(caller).map(|_| id));
        }
    }
}

/// The cache entry of a caller.
pub(crate) fn cache_entry(caller: &Arc<Caller>) -> CacheEntry<Arc<Caller>> {
    CacheEntry {
        value_id: caller.value,
        expires_at: caller.ends_at.unwrap_or(Timestamp::MAX),
        data: Arc::clone(caller),
    }
}

/// Copies of workspaces as of one epoch.
#[derive(Default)]
struct WorkspaceCache {
    epoch: IdentityEpoch,
    workspaces: HashMap<CompactWorkspaceId, Arc<WorkspaceAccess>>,
}

impl WorkspaceCache {
    fn get(&self, id: CompactWorkspaceId, epoch: IdentityEpoch) -> Option<Arc<WorkspaceAccess>> {
        self.workspaces.get(&id).filter(|_| self.epoch == epoch).map(Arc::clone)
    }

    /// Returns `false` if the cache is full. The caller then caches no value of this workspace: it could never be a
    /// hit.
    fn insert(&mut self, id: CompactWorkspaceId, epoch: IdentityEpoch, workspace: &Arc<Workspace>) -> bool {
        if epoch != self.epoch {
            *self = Self { epoch, ..Self::default() };
        }
        if self.workspaces.len() < MAX_WORKSPACES {
            self.workspaces.entry(id).or_insert_with(|| WorkspaceAccess::new(workspace));
        }
        self.workspaces.contains_key(&id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::PublicId;
    use crate::base::random;
    use crate::workspaces::profile::{Profile, WorkspaceKind};

    fn workspace(name: &str) -> Arc<Workspace> {
        Arc::new(Workspace {
            key: WorkspaceId(1),
            uuid: PublicId::new(Timestamp::from_micros(0), &mut random::os_rng()),
            slug: "acme".parse().unwrap(),
            profile: Profile::new(name.parse().unwrap(), WorkspaceKind::Production),
        })
    }

    fn name(copies: &WorkspaceCache, id: CompactWorkspaceId, epoch: IdentityEpoch) -> Option<String> {
        copies.get(id, epoch).map(|access| access.workspace.profile.name.as_str().to_owned())
    }

    #[test]
    fn a_copy_is_returned_only_in_its_own_epoch() {
        // Another worker may have read the later epoch first and cached workspace ids under it.
        let (mut copies, [before, after]) = (WorkspaceCache::default(), [1, 2].map(IdentityEpoch::from));
        assert!(copies.insert(1, before, &workspace("Acme")));
        assert_eq!(name(&copies, 1, before).as_deref(), Some("Acme"));
        assert_eq!(name(&copies, 1, after), None);
        assert!(copies.insert(1, after, &workspace("Acme Ltd")));
        assert_eq!(name(&copies, 1, after).as_deref(), Some("Acme Ltd"));
        assert_eq!(name(&copies, 1, before), None);
    }

    #[test]
    fn a_full_workspace_cache_keeps_its_copies_and_rejects_new_ones() {
        let (mut copies, epoch, acme) = (WorkspaceCache::default(), IdentityEpoch::from(1), workspace("Acme"));
        let max = CompactWorkspaceId::try_from(MAX_WORKSPACES).unwrap();
        assert!((0..max).all(|id| copies.insert(id, epoch, &acme)));
        assert!(!copies.insert(max, epoch, &acme) && copies.get(max, epoch).is_none(), "one more than the maximum");
        assert!(copies.insert(0, epoch, &acme) && copies.get(0, epoch).is_some());
    }
}
