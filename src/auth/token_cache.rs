//! What a door remembers: for many values where they lead, which is all that most requests need, and for few who their
//! callers are. Values are remembered by all workers together, since there may be a million of them; the workspaces that
//! they lead to by each worker for itself, since workers that count the users of one copy wait for each other.

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

/// A caller takes some 500 bytes: 1 MB at most.
const CALLER_CACHE_SHAPE: (usize, usize) = (1 << 8, 8);

/// Where a value leads takes 24 bytes: 40 MB at most, 27 MB for a million values.
const TOKEN_CACHE_SHAPE: (usize, usize) = (1 << 15, 48);

/// Of so many workspaces a worker keeps a copy, some 700 bytes each. What leads to others is looked up each time.
const MAX_WORKSPACES: usize = 2048;

/// What all workers remember together. Clones are handles to the same.
#[derive(Clone)]
pub struct TokenCache {
    callers: ShardedCache<Arc<Caller>>,
    workspace_ids: ShardedCache<CompactWorkspaceId>,
}

/// A workspace's key, as far as it is a small one.
type CompactWorkspaceId = u32;

impl Default for TokenCache {
    fn default() -> Self {
        Self {
            callers: ShardedCache::new(CALLER_CACHE_SHAPE.0, CALLER_CACHE_SHAPE.1),
            workspace_ids: ShardedCache::new(TOKEN_CACHE_SHAPE.0, TOKEN_CACHE_SHAPE.1),
        }
    }
}

/// What one worker's door remembers.
pub struct WorkerCache {
    shared: TokenCache,
    workspaces: RefCell<WorkspaceCache>,
}

impl WorkerCache {
    pub(crate) fn new(shared: TokenCache) -> Self {
        Self { shared, workspaces: RefCell::default() }
    }
}

/// What a request may ask for behind a value, and what is remembered for it.
pub trait CachedIdentity: Sized + 'static {
    /// What a lookup brings of it.
    fn from_caller(caller: &Arc<Caller>) -> Arc<Self>;
    /// The workspace that the value opens.
    fn workspace(&self) -> &Workspace;
    /// What is remembered in this epoch for what was presented. `None` if only a lookup can tell.
    fn cached(passes: &WorkerCache, presented: &Credentials, epoch: IdentityEpoch) -> Option<CacheEntry<Arc<Self>>>;
    /// Remembers what was found in this epoch.
    fn insert(passes: &WorkerCache, digest: &ValueDigest, epoch: IdentityEpoch, caller: &Arc<Caller>);
}

/// Who calls.
impl CachedIdentity for Caller {
    fn from_caller(caller: &Arc<Caller>) -> Arc<Self> {
        Arc::clone(caller)
    }
    fn workspace(&self) -> &Workspace {
        &self.workspace
    }
    fn cached(passes: &WorkerCache, presented: &Credentials, epoch: IdentityEpoch) -> Option<CacheEntry<Arc<Self>>> {
        passes
            .shared
            .callers
            .get(presented.digest(), epoch)
            .filter(|pass| presented.matches_email(&pass.data.user.email))
    }
    fn insert(passes: &WorkerCache, digest: &ValueDigest, epoch: IdentityEpoch, caller: &Arc<Caller>) {
        passes.shared.callers.insert(digest, epoch, cache_entry(caller));
    }
}

/// The workspace that a value opens, with room for what is said of it again and again. Says nothing of the owner, so that
/// whoever names one is looked up.
pub struct WorkspaceAccess {
    /// The workspace.
    pub workspace: Arc<Workspace>,
    said: OnceLock<Bytes>,
}

impl WorkspaceAccess {
    fn new(workspace: &Arc<Workspace>) -> Arc<Self> {
        Arc::new(Self { workspace: Arc::clone(workspace), said: OnceLock::new() })
    }

    /// What `say` says of the workspace, said once.
    pub fn cached_json(&self, say: impl FnOnce(&Workspace) -> Bytes) -> Bytes {
        self.said.get_or_init(|| say(&self.workspace)).clone()
    }
}

impl CachedIdentity for WorkspaceAccess {
    fn from_caller(caller: &Arc<Caller>) -> Arc<Self> {
        Self::new(&caller.workspace)
    }
    fn workspace(&self) -> &Workspace {
        &self.workspace
    }
    fn cached(passes: &WorkerCache, presented: &Credentials, epoch: IdentityEpoch) -> Option<CacheEntry<Arc<Self>>> {
        if !presented.has_no_email() {
            return None;
        }
        let pass = passes.shared.workspace_ids.get(presented.digest(), epoch)?;
        let copy = passes.workspaces.borrow().get(pass.data, epoch)?;
        Some(pass.map(|_| copy))
    }
    fn insert(passes: &WorkerCache, digest: &ValueDigest, epoch: IdentityEpoch, caller: &Arc<Caller>) {
        let WorkspaceId(key) = caller.workspace.key;
        let Ok(place) = CompactWorkspaceId::try_from(key) else { return };
        if passes.workspaces.borrow_mut().insert(place, epoch, &caller.workspace) {
            passes.shared.workspace_ids.insert(digest, epoch, cache_entry(caller).map(|_| place));
        }
    }
}

/// The pass of somebody who was looked up.
pub(crate) fn cache_entry(caller: &Arc<Caller>) -> CacheEntry<Arc<Caller>> {
    CacheEntry {
        value_id: caller.value,
        expires_at: caller.ends_at.unwrap_or(Timestamp::MAX),
        data: Arc::clone(caller),
    }
}

/// One copy of each workspace that values lead to, as it was in one epoch.
#[derive(Default)]
struct WorkspaceCache {
    epoch: IdentityEpoch,
    all: HashMap<CompactWorkspaceId, Arc<WorkspaceAccess>>,
}

impl WorkspaceCache {
    fn get(&self, place: CompactWorkspaceId, epoch: IdentityEpoch) -> Option<Arc<WorkspaceAccess>> {
        self.all.get(&place).filter(|_| self.epoch == epoch).map(Arc::clone)
    }

    /// `false` if there is no room: what leads there would never be recalled, and is not to take the place of what is.
    fn insert(&mut self, place: CompactWorkspaceId, epoch: IdentityEpoch, workspace: &Arc<Workspace>) -> bool {
        if epoch != self.epoch {
            *self = Self { epoch, ..Self::default() };
        }
        if self.all.len() < MAX_WORKSPACES {
            self.all.entry(place).or_insert_with(|| WorkspaceAccess::new(workspace));
        }
        self.all.contains_key(&place)
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

    fn name(copies: &WorkspaceCache, place: CompactWorkspaceId, epoch: IdentityEpoch) -> Option<String> {
        copies.get(place, epoch).map(|opened| opened.workspace.profile.name.as_str().to_owned())
    }

    #[test]
    fn a_copy_is_of_its_own_epoch_alone() {
        // Another worker may have seen the later epoch first, and remembered under it where values lead.
        let (mut copies, [before, after]) = (WorkspaceCache::default(), [1, 2].map(IdentityEpoch::from));
        assert!(copies.insert(1, before, &workspace("Acme")));
        assert_eq!(name(&copies, 1, before).as_deref(), Some("Acme"));
        assert_eq!(name(&copies, 1, after), None);
        assert!(copies.insert(1, after, &workspace("Acme Ltd")));
        assert_eq!(name(&copies, 1, after).as_deref(), Some("Acme Ltd"));
        assert_eq!(name(&copies, 1, before), None);
    }

    #[test]
    fn copies_are_bounded_and_what_there_is_stays() {
        let (mut copies, epoch, acme) = (WorkspaceCache::default(), IdentityEpoch::from(1), workspace("Acme"));
        let most = CompactWorkspaceId::try_from(MAX_WORKSPACES).unwrap();
        assert!((0..most).all(|place| copies.insert(place, epoch, &acme)));
        assert!(
            !copies.insert(most, epoch, &acme) && copies.get(most, epoch).is_none(),
            "one more than there is room for"
        );
        assert!(copies.insert(0, epoch, &acme) && copies.get(0, epoch).is_some());
    }
}
