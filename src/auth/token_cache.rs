//! Caches of authentication results: workspace ids for many values, which is enough for most requests, and callers for
//! few.
//!
//! All workers share the entries of values, because there may be a million of them. Each worker has its own copies of
//! workspaces, because a shared reference count would be contended.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use crate::auth::cache::{CacheEntry, ShardedCache};
use crate::auth::caller::{Caller, WorkspaceAccess};
use crate::auth::credentials::Credentials;
use crate::auth::epoch::IdentityEpoch;
use crate::base::clock::Timestamp;
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
pub(crate) struct WorkerCache {
    shared: TokenCache,
    workspaces: RefCell<WorkspaceCache>,
}

impl WorkerCache {
    pub(crate) fn new(shared: TokenCache) -> Self {
        Self { shared, workspaces: RefCell::default() }
    }

    /// The caller with these credentials in this epoch. `None` if a lookup is required.
    pub(crate) fn caller(&self, credentials: &Credentials, epoch: IdentityEpoch) -> Option<CacheEntry<Arc<Caller>>> {
        let entry = self.shared.callers.get(credentials.digest(), epoch)?;
        Some(entry).filter(|entry| credentials.matches_email(&entry.data.user.email))
    }

    /// The workspace of these credentials in this epoch. `None` if a lookup is required, which is always so if the
    /// credentials have an email address.
    pub(crate) fn workspace(
        &self,
        credentials: &Credentials,
        epoch: IdentityEpoch,
    ) -> Option<CacheEntry<Arc<WorkspaceAccess>>> {
        if !credentials.has_no_email() {
            return None;
        }
        let entry = self.shared.workspace_ids.get(credentials.digest(), epoch)?;
        let access = self.workspaces.borrow().get(entry.data, epoch)?;
        Some(entry.map(|_| access))
    }

    /// Caches the caller that a lookup in this epoch found.
    pub(crate) fn insert_caller(&self, digest: &ValueDigest, epoch: IdentityEpoch, caller: &Arc<Caller>) {
        self.shared.callers.insert(digest, epoch, Arc::clone(caller).into());
    }

    /// Caches the workspace of the caller that a lookup in this epoch found.
    pub(crate) fn insert_workspace(&self, digest: &ValueDigest, epoch: IdentityEpoch, caller: &Arc<Caller>) {
        let WorkspaceId(key) = caller.workspace.key;
        let Ok(id) = CompactWorkspaceId::try_from(key) else { return };
        if self.workspaces.borrow_mut().insert(id, epoch, &caller.workspace) {
            self.shared.workspace_ids.insert(digest, epoch, CacheEntry::from(Arc::clone(caller)).map(|_| id));
        }
    }
}

impl From<Arc<Caller>> for CacheEntry<Arc<Caller>> {
    fn from(caller: Arc<Caller>) -> Self {
        Self { value_id: caller.value, expires_at: caller.ends_at.unwrap_or(Timestamp::MAX), data: caller }
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
