//! A bounded, compact, sharded cache of data by token value. It may hold a million values.
//!
//! Any process may change the data in the database. Each shard therefore has the epoch of its entries, and a lookup in
//! another epoch returns nothing. The cache must never return an entry without a comparison of epochs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::auth::epoch::IdentityEpoch;
use crate::base::clock::Timestamp;
use crate::db::ids::ValueId;
use crate::tokens::secret::ValueDigest;

/// Bytes of a digest that identify a value in its shard. With the two bytes that select the shard this is 112 bits: an
/// attacker who has every digest must still try about 2^92 values to match one of a million. More bytes would leave
/// less memory for entries.
const FINGERPRINT_LEN: usize = 12;

/// Number of entries by which a shard's allocation grows.
const SHARD_GROWTH: usize = 4;

/// A bounded cache of data by value digest. A clone is a handle to the same cache.
///
/// The digest selects the shard. Digests are evenly distributed, so the shards need no balancing. A full shard evicts
/// an arbitrary entry.
pub(super) struct ShardedCache<T> {
    shards: Arc<[Mutex<Shard<T>>]>,
    shard_capacity: usize,
}

struct Shard<T> {
    epoch: IdentityEpoch,
    entries: Vec<Entry<T>>,
}

struct Entry<T> {
    fingerprint: [u8; FINGERPRINT_LEN],
    value_id: u32,
    /// In whole seconds since 1970, rounded down.
    expires_at: u32,
    data: T,
}

/// The cached result of an authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CacheEntry<T> {
    /// The key under which a use is recorded.
    pub(crate) value_id: ValueId,
    /// The expiry, or the end of the grace period: from then on a lookup is required. A deletion or a stop has no time
    /// here, because it changes the epoch.
    pub expires_at: Timestamp,
    /// The cached data.
    pub data: T,
}

impl<T> CacheEntry<T> {
    /// Converts the data.
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> CacheEntry<U> {
        CacheEntry { value_id: self.value_id, expires_at: self.expires_at, data: change(self.data) }
    }
}

impl<T: Clone> ShardedCache<T> {
    /// Creates a cache. `shards` is a power of two and at most 65,536; `shard_capacity` is in entries.
    #[must_use]
    pub(super) fn new(shards: usize, shard_capacity: usize) -> Self {
        debug_assert!(shards.is_power_of_two() && shards <= 1 << 16, "two bytes select the shard");
        let empty = || Mutex::new(Shard { epoch: IdentityEpoch::default(), entries: Vec::new() });
        Self { shards: (0..shards).map(|_| empty()).collect(), shard_capacity }
    }

    /// The entry of this digest, if the cache has one of this epoch.
    #[must_use]
    pub(super) fn get(&self, digest: &ValueDigest, epoch: IdentityEpoch) -> Option<CacheEntry<T>> {
        let shard = self.shard(digest);
        let fingerprint = fingerprint(digest);
        let entry =
            shard.entries.iter().find(|entry| entry.fingerprint == fingerprint).filter(|_| shard.epoch == epoch)?;
        let expires_at = Timestamp::from_micros(i64::from(entry.expires_at) * MICROS_PER_SECOND);
        Some(CacheEntry { value_id: ValueId(entry.value_id.into()), expires_at, data: entry.data.clone() })
    }

    /// Caches the data of this digest in this epoch. Does nothing if the value's key exceeds 32 bits.
    pub(super) fn insert(&self, digest: &ValueDigest, epoch: IdentityEpoch, entry: CacheEntry<T>) {
        let Ok(value_id) = u32::try_from(entry.value_id.0) else { return };
        let expires_at = u32::try_from(entry.expires_at.micros().max(0) / MICROS_PER_SECOND).unwrap_or(u32::MAX);
        let entry = Entry { fingerprint: fingerprint(digest), value_id, expires_at, data: entry.data };
        let mut shard = self.shard(digest);
        if epoch != shard.epoch {
            // Epochs have no order. A worker with an older epoch clears a shard in vain, which costs some lookups.
            shard.entries.clear();
            shard.epoch = epoch;
        }
        let entries = &mut shard.entries;
        if let Some(existing) = entries.iter_mut().find(|existing| existing.fingerprint == entry.fingerprint) {
            *existing = entry;
        } else if entries.len() < self.shard_capacity {
            if entries.len() == entries.capacity() {
                entries.reserve_exact(SHARD_GROWTH.min(self.shard_capacity - entries.len()));
            }
            entries.push(entry);
        } else {
            let evicted = usize::from(entry.fingerprint[0]) % self.shard_capacity;
            entries[evicted] = entry;
        }
    }

    fn shard(&self, digest: &ValueDigest) -> MutexGuard<'_, Shard<T>> {
        let [.., low, high] = *digest.as_bytes();
        let index = usize::from(u16::from_le_bytes([low, high])) % self.shards.len();
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const MICROS_PER_SECOND: i64 = 1_000_000;

fn fingerprint(digest: &ValueDigest) -> [u8; FINGERPRINT_LEN] {
    let mut fingerprint = [0; FINGERPRINT_LEN];
    fingerprint.copy_from_slice(&digest.as_bytes()[..FINGERPRINT_LEN]);
    fingerprint
}

impl<T> Clone for ShardedCache<T> {
    fn clone(&self) -> Self {
        Self { shards: Arc::clone(&self.shards), shard_capacity: self.shard_capacity }
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

    fn entry(value: i64) -> CacheEntry<i64> {
        CacheEntry { value_id: ValueId(value), expires_at: Timestamp::MAX, data: value }
    }

    fn cached(cache: &ShardedCache<i64>, digest: &ValueDigest, epoch: IdentityEpoch) -> Option<(i64, i64)> {
        cache.get(digest, epoch).map(|entry| (entry.value_id.0, entry.data))
    }

    #[test]
    fn an_entry_is_returned_only_in_its_own_epoch() {
        let (cache, one, other) = (ShardedCache::new(1, 4), digest(), digest());
        let [before, now, later] = [1, 2, 3].map(IdentityEpoch::from);
        cache.insert(&one, now, entry(7));
        assert_eq!(cached(&cache, &one, now), Some((7, 7)));
        assert_eq!([before, later].map(|epoch| cached(&cache, &one, epoch)), [None, None]);
        assert_eq!(cached(&cache, &other, now), None);
        cache.insert(&other, later, entry(8));
        assert_eq!(
            [now, later].map(|epoch| cached(&cache, &one, epoch)),
            [None, None],
            "another epoch clears the whole shard"
        );
        assert_eq!(cached(&cache, &other, later), Some((8, 8)));
    }

    #[test]
    fn a_full_shard_evicts_one_entry_for_each_new_one() {
        let (cache, epoch) = (ShardedCache::new(1, 4), IdentityEpoch::from(1));
        let digests: Vec<ValueDigest> = (0..50).map(|_| digest()).collect();
        for (value, digest) in (0..).zip(&digests) {
            cache.insert(digest, epoch, entry(value));
            cache.insert(digest, epoch, entry(value));
            assert_eq!(cached(&cache, digest, epoch), Some((value, value)), "the newest entry is cached");
        }
        assert_eq!(digests.iter().filter(|digest| cached(&cache, digest, epoch).is_some()).count(), 4);
    }

    #[test]
    fn a_cached_expiry_is_never_later_than_the_original() {
        let (cache, one, epoch) = (ShardedCache::new(1, 4), digest(), IdentityEpoch::from(1));
        let year_5000 = Timestamp::from_micros(95_617_584_000_000_000);
        for until in [0, 1, 999_999, 1_000_000, 1_795_458_064_123_456].map(Timestamp::from_micros) {
            cache.insert(&one, epoch, CacheEntry { expires_at: until, ..entry(7) });
            let cached_until = cache.get(&one, epoch).unwrap().expires_at;
            assert!(
                cached_until <= until && until.since(cached_until) < Duration::from_secs(1),
                "{cached_until} for {until}"
            );
        }
        for until in [Timestamp::from_micros(-5), year_5000, Timestamp::MAX] {
            cache.insert(&one, epoch, CacheEntry { expires_at: until, ..entry(7) });
            let cached_until = cache.get(&one, epoch).unwrap().expires_at;
            assert!(cached_until <= until.max(Timestamp::from_micros(0)), "{cached_until} for {until}");
        }
    }

    #[test]
    fn an_entry_takes_24_bytes_and_a_key_over_32_bits_is_not_cached() {
        assert_eq!(std::mem::size_of::<Entry<u32>>(), 24);
        let (cache, one, epoch) = (ShardedCache::new(1, 4), digest(), IdentityEpoch::from(1));
        cache.insert(&one, epoch, entry(i64::from(u32::MAX) + 1));
        assert_eq!(cached(&cache, &one, epoch), None);
    }
}
