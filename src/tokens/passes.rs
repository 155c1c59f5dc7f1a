//! What the doors of all workers remember: for many values where they lead, which is all that most requests need, and for
//! few who their callers are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::memory::{Memory, Pass};
use super::value::ValueDigest;
use super::verify::{Caller, Presented};
use crate::kernel::clock::Timestamp;
use crate::kernel::db::Epoch;
use crate::workspaces::Workspace;
use crate::workspaces::store::WorkspaceKey;

/// A caller takes some 500 bytes: 1 MB at most.
const CALLERS: (usize, usize) = (1 << 8, 8);
/// Where a value leads takes 24 bytes, and its place in the rack: 36 MB at most, 28 MB for a million values.
const WORKSPACES: (usize, usize) = (1 << 16, 22);
/// Of so many workspaces a copy is kept. What leads to others is looked up each time.
const COPIES: usize = 10_000;

/// What the doors of all workers remember. Clones are handles to the same.
#[derive(Clone)]
pub struct Passes {
    callers: Memory<Arc<Caller>>,
    workspaces: Memory<Place>,
    copies: Arc<Mutex<Copies>>,
}

impl Default for Passes {
    fn default() -> Self {
        Self {
            callers: Memory::new(CALLERS.0, CALLERS.1),
            workspaces: Memory::new(WORKSPACES.0, WORKSPACES.1),
            copies: Arc::default(),
        }
    }
}

/// What a request may ask for behind a value, and what is remembered for it.
pub trait Behind: Sized + 'static {
    /// What a lookup brings of it.
    fn of(caller: &Arc<Caller>) -> Arc<Self>;
    /// The workspace that the value opens.
    fn workspace(&self) -> &Workspace;
    /// What is remembered in this epoch for what was presented. `None` if only a lookup can tell.
    fn recall(passes: &Passes, presented: &Presented, epoch: Epoch) -> Option<Pass<Arc<Self>>>;
    /// Remembers what was found in this epoch.
    fn keep(passes: &Passes, digest: &ValueDigest, epoch: Epoch, caller: &Arc<Caller>);
}

/// Who calls.
impl Behind for Caller {
    fn of(caller: &Arc<Caller>) -> Arc<Self> {
        Arc::clone(caller)
    }
    fn workspace(&self) -> &Workspace {
        &self.workspace
    }
    fn recall(passes: &Passes, presented: &Presented, epoch: Epoch) -> Option<Pass<Arc<Self>>> {
        passes.callers.recall(presented.digest(), epoch).filter(|pass| presented.is_of(&pass.to.user.email))
    }
    fn keep(passes: &Passes, digest: &ValueDigest, epoch: Epoch, caller: &Arc<Caller>) {
        passes.callers.keep(digest, epoch, pass_to(caller));
    }
}

/// Where it leads. Says nothing of the owner, so that whoever names one is looked up.
impl Behind for Workspace {
    fn of(caller: &Arc<Caller>) -> Arc<Self> {
        Arc::clone(&caller.workspace)
    }
    fn workspace(&self) -> &Workspace {
        self
    }
    fn recall(passes: &Passes, presented: &Presented, epoch: Epoch) -> Option<Pass<Arc<Self>>> {
        if !presented.is_anonymous() {
            return None;
        }
        let pass = passes.workspaces.recall(presented.digest(), epoch)?;
        let copy = passes.copies().at(pass.to, epoch)?;
        Some(pass.map(|_| copy))
    }
    fn keep(passes: &Passes, digest: &ValueDigest, epoch: Epoch, caller: &Arc<Caller>) {
        let place = passes.copies().keep(&caller.workspace, epoch);
        if let Some(place) = place {
            passes.workspaces.keep(digest, epoch, pass_to(caller).map(|_| place));
        }
    }
}

/// The pass of somebody who was looked up.
pub(super) fn pass_to(caller: &Arc<Caller>) -> Pass<Arc<Caller>> {
    Pass { value: caller.value, until: caller.ends_at.unwrap_or(Timestamp::NEVER), to: Arc::clone(caller) }
}

impl Passes {
    fn copies(&self) -> MutexGuard<'_, Copies> {
        self.copies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One copy of each workspace that values lead to, as it was in one epoch.
#[derive(Default)]
struct Copies {
    epoch: Epoch,
    all: Vec<Arc<Workspace>>,
    places: HashMap<WorkspaceKey, Place>,
}

/// Where the copy of a workspace stands.
type Place = u32;

impl Copies {
    fn at(&self, place: Place, epoch: Epoch) -> Option<Arc<Workspace>> {
        self.all.get(usize::try_from(place).ok()?).filter(|_| self.epoch == epoch).map(Arc::clone)
    }

    fn keep(&mut self, workspace: &Arc<Workspace>, epoch: Epoch) -> Option<Place> {
        if epoch < self.epoch {
            // Another worker has seen a later one.
            return None;
        }
        if epoch > self.epoch {
            *self = Self { epoch, ..Self::default() };
        }
        if let Some(place) = self.places.get(&workspace.key) {
            return Some(*place);
        }
        let place = Place::try_from(self.all.len()).ok().filter(|_| self.all.len() < COPIES)?;
        self.all.push(Arc::clone(workspace));
        self.places.insert(workspace.key, place);
        Some(place)
    }
}
