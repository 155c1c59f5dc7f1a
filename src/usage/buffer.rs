//! One shard of the usage that is not written yet. There may be hundreds of thousands of entries, so an entry is 32
//! bytes with its key and refers to its client by an index into a separate table. Must not grow without bound.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::base::client_info::ClientInfo;
use crate::base::clock::Timestamp;
use crate::base::day::Day;
use crate::db::ids::ValueId;

/// Maximum number of values with uses, and of values with rejected uses: the capacity of a hash table of 2^16 buckets.
/// While the database is unavailable, a full buffer updates its entries but does not add new values.
const MAX_ENTRIES: usize = 57_344;

/// Number of values from which a flush is due immediately. The rest of the capacity is for values that arrive before
/// the flush. In a larger batch more rows share a database page, which is then written once.
const FLUSH_THRESHOLD: usize = MAX_ENTRIES / 8 * 5;

/// Number of values from which the hash table reserves its full capacity, and keeps it. Repeated doubling after each
/// flush would fragment the heap.
const PREALLOCATE_AT: usize = MAX_ENTRIES / 64;

/// Maximum number of further groups of uses: by other clients or on other days than the latest ones of their value.
const MAX_EARLIER: usize = MAX_ENTRIES / 2;

/// Maximum number of different clients between two flushes. Uses by further clients are recorded without a client.
const MAX_CLIENTS: usize = 4096;

/// Uses and rejected uses since the last flush.
#[derive(Debug, Default)]
pub(crate) struct UsageBuffer {
    used: UsesByValue,
    rejected: UsesByValue,
    clients: ClientTable,
}

/// Uses of one kind. A value is usually used by one client on one day, so a use usually changes one entry of `latest`.
#[derive(Debug, Default)]
struct UsesByValue {
    latest: HashMap<ValueId, UsageEntry>,
    /// The uses by another client or on another day than those in `latest`.
    earlier: HashMap<(ValueId, ClientIndex, Day), UsageEntry>,
}

/// Uses of one value by one client on one day.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UsageEntry {
    /// Time of the first use.
    pub first: Timestamp,
    /// Milliseconds from the first use to the last, rounded up.
    span_ms: u32,
    /// Client of the uses.
    pub client: ClientIndex,
    /// Number of uses.
    pub count: u32,
    /// Day on which the uses count.
    pub day: Day,
}

/// Entries that were drained from a buffer, to be written to the database. A value can have several, in the order of
/// their first uses.
#[derive(Debug)]
pub(crate) struct UsageBatch {
    pub used: Vec<(ValueId, UsageEntry)>,
    pub rejected: Vec<(ValueId, UsageEntry)>,
    pub clients: Vec<Arc<ClientInfo>>,
}

impl UsageBatch {
    /// Length of the longer list.
    pub(super) fn len(&self) -> usize {
        self.used.len().max(self.rejected.len())
    }

    /// The uses at the positions `range`.
    pub(super) fn used(&self, range: &Range<usize>) -> &[(ValueId, UsageEntry)] {
        slice_of(&self.used, range)
    }

    /// The rejected uses at the positions `range`.
    pub(super) fn rejected(&self, range: &Range<usize>) -> &[(ValueId, UsageEntry)] {
        slice_of(&self.rejected, range)
    }

    /// Sorts by row key: neighbouring rows share pages, so each page is written once. Entries of a value with the same time
    /// keep their order.
    pub(super) fn sort(&mut self) {
        self.used.sort_by_key(|(value, entry)| (*value, entry.first));
        self.rejected.sort_by_key(|(value, entry)| (*value, entry.first));
    }
}

fn slice_of<'a, T>(list: &'a [T], range: &Range<usize>) -> &'a [T] {
    &list[range.start.min(list.len())..range.end.min(list.len())]
}

/// The distinct clients of a buffer.
#[derive(Debug, Default)]
struct ClientTable {
    all: Vec<Arc<ClientInfo>>,
    indexes: HashMap<Arc<ClientInfo>, ClientIndex>,
    /// The last result of `index_of`: consecutive uses often have the same client.
    latest: ClientIndex,
}

/// Index of a client in the list of clients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ClientIndex(u32);

/// Index of the clients that did not fit into the table.
pub(super) const UNKNOWN: ClientIndex = ClientIndex(u32::MAX);

impl ClientIndex {
    /// Returns the element of `list` at this index.
    pub(super) fn get<T>(self, list: &[T]) -> Option<&T> {
        list.get(usize::try_from(self.0).ok()?)
    }
}

impl ClientTable {
    fn index_of(&mut self, client: ClientInfo) -> ClientIndex {
        if self.latest.get(&self.all).is_some_and(|latest| **latest == client) {
            return self.latest;
        }
        let index = match self.indexes.get(&client) {
            Some(index) => *index,
            None => self.add(Arc::new(client)),
        };
        self.latest = index;
        index
    }

    fn is_full(&self) -> bool {
        self.all.len() >= MAX_CLIENTS
    }

    fn add(&mut self, client: Arc<ClientInfo>) -> ClientIndex {
        if self.is_full() {
            return UNKNOWN;
        }
        let index = u32::try_from(self.all.len()).map_or(UNKNOWN, ClientIndex);
        self.all.push(Arc::clone(&client));
        self.indexes.insert(client, index);
        index
    }
}

impl UsageBuffer {
    /// Records a use of a value.
    pub(super) fn record(&mut self, value: ValueId, client: ClientInfo, now: Timestamp) {
        let client = self.clients.index_of(client);
        self.used.add(value, UsageEntry::once(now, client));
    }

    /// Records a rejected use of a value that had ended.
    pub(super) fn record_rejected(&mut self, value: ValueId, client: ClientInfo, now: Timestamp) {
        let client = self.clients.index_of(client);
        self.rejected.add(value, UsageEntry::once(now, client));
    }

    /// Returns whether the buffer should be flushed immediately.
    pub(super) fn is_due(&self) -> bool {
        self.used.latest.len() >= FLUSH_THRESHOLD
            || self.clients.is_full()
            || self.used.earlier.len() >= EARLIER_THRESHOLD
            || self.rejected.earlier.len() >= EARLIER_THRESHOLD
    }

    /// Number of entries.
    pub(super) fn len(&self) -> usize {
        self.used.len() + self.rejected.len()
    }

    /// Removes and returns all entries.
    pub(super) fn drain(&mut self) -> UsageBatch {
        UsageBatch {
            used: self.used.drain(),
            rejected: std::mem::take(&mut self.rejected).drain(),
            clients: std::mem::take(&mut self.clients).all,
        }
    }

    /// Restores the entries of a batch that were not written: those at the positions `range` of each list.
    pub(super) fn restore(&mut self, batch: &UsageBatch, range: &Range<usize>) {
        let indexes: Vec<ClientIndex> =
            batch.clients.iter().map(|client| self.clients.index_of(ClientInfo::clone(client))).collect();
        let remap = |entry: &UsageEntry| UsageEntry {
            client: entry.client.get(&indexes).copied().unwrap_or(UNKNOWN),
            ..*entry
        };
        batch.used(range).iter().for_each(|(value, entry)| self.used.add(*value, remap(entry)));
        batch.rejected(range).iter().for_each(|(value, entry)| self.rejected.add(*value, remap(entry)));
    }
}

/// Number of further groups from which a flush is due immediately.
const EARLIER_THRESHOLD: usize = MAX_EARLIER / 8 * 5;

impl UsesByValue {
    fn len(&self) -> usize {
        self.latest.len() + self.earlier.len()
    }

    /// Adds uses that may be earlier or later than the existing ones: a restored batch is older than new uses.
    fn add(&mut self, value: ValueId, other: UsageEntry) {
        if let Some(entry) = self.latest.get_mut(&value) {
            if entry.client == other.client && entry.day == other.day {
                entry.merge(other);
            } else {
                self.add_group(value, other);
            }
        } else if self.latest.len() < MAX_ENTRIES {
            if self.latest.len() == PREALLOCATE_AT {
                self.latest.reserve(MAX_ENTRIES - PREALLOCATE_AT);
            }
            self.latest.insert(value, other);
        }
    }

    /// Adds uses by another client or on another day than the latest ones of the value. If there is no room, the older
    /// ones count as uses without a client on the day of the newer ones, so that none is lost.
    fn add_group(&mut self, value: ValueId, other: UsageEntry) {
        let Some(entry) = self.latest.get_mut(&value) else { return };
        let older = if entry.last() <= other.last() { std::mem::replace(entry, other) } else { other };
        let key = (value, older.client, older.day);
        if let Some(group) = self.earlier.get_mut(&key) {
            group.merge(older);
        } else if self.earlier.len() < MAX_EARLIER {
            self.earlier.insert(key, older);
        } else {
            *entry = UsageEntry { client: UNKNOWN, ..*entry };
            entry.merge(older);
        }
    }

    /// The latest uses come last.
    fn drain(&mut self) -> Vec<(ValueId, UsageEntry)> {
        let earlier = std::mem::take(&mut self.earlier).into_iter().map(|((value, ..), entry)| (value, entry));
        earlier.chain(self.latest.drain()).collect()
    }
}

impl UsageEntry {
    fn once(at: Timestamp, client: ClientIndex) -> Self {
        Self { first: at, span_ms: 0, client, count: 1, day: Day::containing(at) }
    }

    /// Time of the last use, rounded up by less than a millisecond, so that it is never earlier than the real time.
    pub(super) fn last(&self) -> Timestamp {
        self.first + Duration::from_millis(self.span_ms.into())
    }

    /// Adds other uses of the value. The client and the day stay those of this entry.
    fn merge(&mut self, other: Self) {
        let (first, last) = (self.first.min(other.first), self.last().max(other.last()));
        let span_ms = last.since(first).as_micros().div_ceil(1000);
        self.first = first;
        self.span_ms = u32::try_from(span_ms).unwrap_or(u32::MAX);
        self.count = self.count.saturating_add(other.count);
    }
}

#[cfg(test)]
mod tests;
