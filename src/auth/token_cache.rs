//! What a door remembers: for many values where they lead, which is all that most requests need, and for few who their
//! callers are. Values are remembered by all workers together, since there may be a million of them; the workspaces that
//! they lead to by each worker for itself, since workers that count the users of one copy wait for each other.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use actix_web::web::Bytes;

use crate::auth::cache::{Memory, Pass};
use crate::auth::caller::Caller;
use crate::auth::credentials::Presented;
use crate::base::clock::Timestamp;
use crate::db::Epoch;
use crate::db::ids::WorkspaceKey;
use crate::tokens::secret::ValueDigest;
use crate::workspaces::model::Workspace;

/// A caller takes some 500 bytes: 1 MB at most.
const CALLERS: (usize, usize) = (1 << 8, 8);

/// Where a value leads takes 24 bytes: 40 MB at most, 27 MB for a million values.
const PLACES: (usize, usize) = (1 << 15, 48);

/// Of so many workspaces a worker keeps a copy, some 700 bytes each. What leads to others is looked up each time.
const COPIES: usize = 2048;

/// What all workers remember together. Clones are handles to the same.
#[derive(Clone)]
pub struct Shared {
    callers: Memory<Arc<Caller>>,
    places: Memory<Place>,
}

/// A workspace's key, as far as it is a small one.
type Place = u32;

impl Default for Shared {
    fn default() -> Self {
        Self { callers: Memory::new(CALLERS.0, CALLERS.1), places: Memory::new(PLACES.0, PLACES.1) }
    }
}

/// What one worker's door remembers.
pub struct Passes {
    shared: Shared,
    copies: RefCell<Copies>,
}

impl Passes {
    pub(crate) fn new(shared: Shared) -> Self {
        Self { shared, copies: RefCell::default() }
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
        passes.shared.callers.recall(presented.digest(), epoch).filter(|pass| presented.is_of(&pass.to.user.email))
    }
    fn keep(passes: &Passes, digest: &ValueDigest, epoch: Epoch, caller: &Arc<Caller>) {
        passes.shared.callers.keep(digest, epoch, pass_to(caller));
    }
}

/// The workspace that a value opens, with room for what is said of it again and again. Says nothing of the owner, so that
/// whoever names one is looked up.
pub struct Opened {
    /// The workspace.
    pub workspace: Arc<Workspace>,
    said: OnceLock<Bytes>,
}

impl Opened {
    fn new(workspace: &Arc<Workspace>) -> Arc<Self> {
        Arc::new(Self { workspace: Arc::clone(workspace), said: OnceLock::new() })
    }

    /// What `say` says of the workspace, said once.
    pub fn said(&self, say: impl FnOnce(&Workspace) -> Bytes) -> Bytes {
        self.said.get_or_init(|| say(&self.workspace)).clone()
    }
}

impl Behind for Opened {
    fn of(caller: &Arc<Caller>) -> Arc<Self> {
        Self::new(&caller.workspace)
    }
    fn workspace(&self) -> &Workspace {
        &self.workspace
    }
    fn recall(passes: &Passes, presented: &Presented, epoch: Epoch) -> Option<Pass<Arc<Self>>> {
        if !presented.is_anonymous() {
            return None;
        }
        let pass = passes.shared.places.recall(presented.digest(), epoch)?;
        let copy = passes.copies.borrow().of(pass.to, epoch)?;
        Some(pass.map(|_| copy))
    }
    fn keep(passes: &Passes, digest: &ValueDigest, epoch: Epoch, caller: &Arc<Caller>) {
        let WorkspaceKey(key) = caller.workspace.key;
        let Ok(place) = Place::try_from(key) else { return };
        if passes.copies.borrow_mut().keep(place, epoch, &caller.workspace) {
            passes.shared.places.keep(digest, epoch, pass_to(caller).map(|_| place));
        }
    }
}

/// The pass of somebody who was looked up.
pub(crate) fn pass_to(caller: &Arc<Caller>) -> Pass<Arc<Caller>> {
    Pass { value: caller.value, until: caller.ends_at.unwrap_or(Timestamp::NEVER), to: Arc::clone(caller) }
}

/// One copy of each workspace that values lead to, as it was in one epoch.
#[derive(Default)]
struct Copies {
    epoch: Epoch,
    all: HashMap<Place, Arc<Opened>>,
}

impl Copies {
    fn of(&self, place: Place, epoch: Epoch) -> Option<Arc<Opened>> {
        self.all.get(&place).filter(|_| self.epoch == epoch).map(Arc::clone)
    }

    /// `false` if there is no room: what leads there would never be recalled, and is not to take the place of what is.
    fn keep(&mut self, place: Place, epoch: Epoch, workspace: &Arc<Workspace>) -> bool {
        if epoch != self.epoch {
            *self = Self { epoch, ..Self::default() };
        }
        if self.all.len() < COPIES {
            self.all.entry(place).or_insert_with(|| Opened::new(workspace));
        }
        self.all.contains_key(&place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::Id;
    use crate::base::random;
    use crate::workspaces::profile::{Kind, Profile};

    fn workspace(name: &str) -> Arc<Workspace> {
        Arc::new(Workspace {
            key: WorkspaceKey(1),
            uuid: Id::new(Timestamp::from_micros(0), &mut random::secure()),
            slug: "acme".parse().unwrap(),
            profile: Profile::new(name.parse().unwrap(), Kind::Production),
        })
    }

    fn name(copies: &Copies, place: Place, epoch: Epoch) -> Option<String> {
        copies.of(place, epoch).map(|opened| opened.workspace.profile.name.as_str().to_owned())
    }

    #[test]
    fn a_copy_is_of_its_own_epoch_alone() {
        // Another worker may have seen the later epoch first, and remembered under it where values lead.
        let (mut copies, [before, after]) = (Copies::default(), [1, 2].map(Epoch::from));
        assert!(copies.keep(1, before, &workspace("Acme")));
        assert_eq!(name(&copies, 1, before).as_deref(), Some("Acme"));
        assert_eq!(name(&copies, 1, after), None);
        assert!(copies.keep(1, after, &workspace("Acme Ltd")));
        assert_eq!(name(&copies, 1, after).as_deref(), Some("Acme Ltd"));
        assert_eq!(name(&copies, 1, before), None);
    }

    #[test]
    fn copies_are_bounded_and_what_there_is_stays() {
        let (mut copies, epoch, acme) = (Copies::default(), Epoch::from(1), workspace("Acme"));
        let most = Place::try_from(COPIES).unwrap();
        assert!((0..most).all(|place| copies.keep(place, epoch, &acme)));
        assert!(
            !copies.keep(most, epoch, &acme) && copies.of(most, epoch).is_none(),
            "one more than there is room for"
        );
        assert!(copies.keep(0, epoch, &acme) && copies.of(0, epoch).is_some());
    }
}
