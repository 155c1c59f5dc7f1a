//! A bounded memory of where values lead, packed: there may be a million of them.
//!
//! A memory is worth nothing without a look at the database, because any process may have changed what it is of: each
//! thing is remembered together with the epoch in which it was found, and nothing is recalled in another.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::base::clock::Timestamp;
use crate::db::IdentityEpoch;
use crate::db::ids::ValueId;
use crate::tokens::secret::ValueDigest;

/// How many bytes of a digest tell values apart on a rack. With the two that choose the rack that is 112 bits: whoever
/// had stolen every digest would still have to try some 2^92 values until one is taken for one of a million. More bytes
/// would be less memory for values.
const FINGERPRINT_LEN: usize = 12;

/// A rack makes room for so many more lines at a time.
const SHARD_GROWTH: usize = 4;

/// A bounded memory of what many values lead to. Clones are handles to the same.
///
/// Each digest has its rack. Digests are spread evenly, so there is nothing to balance, and a rack that is full lets
/// any line go for a new one.
pub struct ShardedCache<T> {
    racks: Arc<[Mutex<Shard<T>>]>,
    shard_capacity: usize,
}

struct Shard<T> {
    epoch: IdentityEpoch,
    lines: Vec<Entry<T>>,
}

struct Entry<T> {
    print: [u8; FINGERPRINT_LEN],
    value: u32,
    /// In whole seconds since 1970, rounded down.
    until: u32,
    to: T,
}

/// What lets a value in again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheEntry<T> {
    /// Under which its use is noted.
    pub(crate) value_id: ValueId,
    /// Until then it holds; what comes then has to be looked up.
    pub expires_at: Timestamp,
    /// What is behind it.
    pub data: T,
}

impl<T> CacheEntry<T> {
    /// The same for something else behind it.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> CacheEntry<U> {
        CacheEntry { value_id: self.value_id, expires_at: self.expires_at, data: change(self.data) }
    }
}

impl<T: Clone> ShardedCache<T> {
    /// So many racks, a power of two and at most 65,536, with room for so many lines each.
    #[must_use]
    pub fn new(racks: usize, room: usize) -> Self {
        debug_assert!(racks.is_power_of_two() && racks <= 1 << 16, "two bytes choose the rack");
        let empty = || Mutex::new(Shard { epoch: IdentityEpoch::default(), lines: Vec::new() });
        Self { racks: (0..racks).map(|_| empty()).collect(), shard_capacity: room }
    }

    /// What was found behind this digest in this epoch, if it is remembered.
    #[must_use]
    pub fn get(&self, digest: &ValueDigest, epoch: IdentityEpoch) -> Option<CacheEntry<T>> {
        let rack = self.rack(digest);
        let print = fingerprint(digest);
        let line = rack.lines.iter().find(|line| line.print == print).filter(|_| rack.epoch == epoch)?;
        let until = Timestamp::from_micros(i64::from(line.until) * MICROS);
        Some(CacheEntry { value_id: ValueId(line.value.into()), expires_at: until, data: line.to.clone() })
    }

    /// Remembers what was found behind this digest in this epoch. The four billionth value and those after it are not
    /// remembered, but looked up each time.
    pub fn insert(&self, digest: &ValueDigest, epoch: IdentityEpoch, pass: CacheEntry<T>) {
        let Ok(value) = u32::try_from(pass.value_id.0) else { return };
        let until = u32::try_from(pass.expires_at.micros().max(0) / MICROS).unwrap_or(u32::MAX);
        let line = Entry { print: fingerprint(digest), value, until, to: pass.data };
        let mut rack = self.rack(digest);
        if epoch != rack.epoch {
            // Which of the two is later can't be told. A worker that is behind for once costs the others a lookup each.
            rack.lines.clear();
            rack.epoch = epoch;
        }
        let lines = &mut rack.lines;
        if let Some(same) = lines.iter_mut().find(|same| same.print == line.print) {
            *same = line;
        } else if lines.len() < self.shard_capacity {
            if lines.len() == lines.capacity() {
                lines.reserve_exact(SHARD_GROWTH.min(self.shard_capacity - lines.len()));
            }
            lines.push(line);
        } else {
            let any = usize::from(line.print[0]) % self.shard_capacity;
            lines[any] = line;
        }
    }

    fn rack(&self, digest: &ValueDigest) -> MutexGuard<'_, Shard<T>> {
        let [.., one, two] = *digest.as_bytes();
        let number = usize::from(u16::from_le_bytes([one, two])) % self.racks.len();
        self.racks[number].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// In a second.
const MICROS: i64 = 1_000_000;

fn fingerprint(digest: &ValueDigest) -> [u8; FINGERPRINT_LEN] {
    let mut print = [0; FINGERPRINT_LEN];
    print.copy_from_slice(&digest.as_bytes()[..FINGERPRINT_LEN]);
    print
}

impl<T> Clone for ShardedCache<T> {
    fn clone(&self) -> Self {
        Self { racks: Arc::clone(&self.racks), shard_capacity: self.shard_capacity }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::base::random;
    use crate::tokens::secret::TokenValue;

    fn digest() -> ValueDigest {
        TokenValue::generate(&mut random::os_rng()).digest()
    }

    fn pass(value: i64) -> CacheEntry<i64> {
        CacheEntry { value_id: ValueId(value), expires_at: Timestamp::MAX, data: value }
    }

    fn recalled(memory: &ShardedCache<i64>, digest: &ValueDigest, epoch: IdentityEpoch) -> Option<(i64, i64)> {
        memory.get(digest, epoch).map(|pass| (pass.value_id.0, pass.data))
    }

    #[test]
    fn a_pass_is_recalled_in_its_own_epoch_alone() {
        let (memory, one, other) = (ShardedCache::new(1, 4), digest(), digest());
        let [before, now, later] = [1, 2, 3].map(IdentityEpoch::from);
        memory.insert(&one, now, pass(7));
        assert_eq!(recalled(&memory, &one, now), Some((7, 7)));
        assert_eq!([before, later].map(|epoch| recalled(&memory, &one, epoch)), [None, None]);
        assert_eq!(recalled(&memory, &other, now), None);
        memory.insert(&other, later, pass(8));
        assert_eq!(
            [now, later].map(|epoch| recalled(&memory, &one, epoch)),
            [None, None],
            "another epoch ends all of the rack"
        );
        assert_eq!(recalled(&memory, &other, later), Some((8, 8)));
    }

    #[test]
    fn a_full_rack_lets_one_go_for_each_new_one() {
        let (memory, epoch) = (ShardedCache::new(1, 4), IdentityEpoch::from(1));
        let digests: Vec<ValueDigest> = (0..50).map(|_| digest()).collect();
        for (value, digest) in (0..).zip(&digests) {
            memory.insert(digest, epoch, pass(value));
            memory.insert(digest, epoch, pass(value));
            assert_eq!(recalled(&memory, digest, epoch), Some((value, value)), "the newest is there");
        }
        assert_eq!(digests.iter().filter(|digest| recalled(&memory, digest, epoch).is_some()).count(), 4);
    }

    #[test]
    fn what_is_remembered_never_outlasts_what_was_found() {
        let (memory, one, epoch) = (ShardedCache::new(1, 4), digest(), IdentityEpoch::from(1));
        let year_5000 = Timestamp::from_micros(95_617_584_000_000_000);
        for until in [0, 1, 999_999, 1_000_000, 1_795_458_064_123_456].map(Timestamp::from_micros) {
            memory.insert(&one, epoch, CacheEntry { expires_at: until, ..pass(7) });
            let kept = memory.get(&one, epoch).unwrap().expires_at;
            assert!(kept <= until && until.since(kept) < Duration::from_secs(1), "{kept} for {until}");
        }
        for until in [Timestamp::from_micros(-5), year_5000, Timestamp::MAX] {
            memory.insert(&one, epoch, CacheEntry { expires_at: until, ..pass(7) });
            let kept = memory.get(&one, epoch).unwrap().expires_at;
            assert!(kept <= until.max(Timestamp::from_micros(0)), "{kept} for {until}");
        }
    }

    #[test]
    fn a_line_takes_24_bytes_and_one_that_does_not_fit_is_not_kept() {
        assert_eq!(std::mem::size_of::<Entry<u32>>(), 24);
        let (memory, one, epoch) = (ShardedCache::new(1, 4), digest(), IdentityEpoch::from(1));
        memory.insert(&one, epoch, pass(i64::from(u32::MAX) + 1));
        assert_eq!(recalled(&memory, &one, epoch), None);
    }
}
