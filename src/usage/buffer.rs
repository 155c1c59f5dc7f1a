//! One shard of the usage that is not written yet. There may be hundreds of thousands of entries, so an entry is 24
//! bytes and refers to its client by an index into a separate table. Must not grow without bound.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::base::client_info::ClientInfo;
use crate::base::clock::Timestamp;
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

/// Maximum number of different clients between two flushes. Uses by further clients are recorded without a client.
const MAX_CLIENTS: usize = 4096;

/// Uses and rejected uses since the last flush.
#[derive(Debug, Default)]
pub(crate) struct UsageBuffer {
    used: HashMap<ValueId, UsageEntry>,
    tried: HashMap<ValueId, RejectedUses>,
    clients: ClientTable,
}

/// The uses of one value since the last flush.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UsageEntry {
    /// Time of the first use.
    pub first: Timestamp,
    /// Milliseconds from the first use to the last, rounded up.
    span_ms: u32,
    /// Client of the last use.
    pub client: ClientIndex,
}

/// The uses of one value that were rejected because the value had ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RejectedUses {
    pub count: i64,
    pub last: Timestamp,
    /// Client of the last rejected use.
    pub client: ClientIndex,
}

/// Entries that were drained from a buffer, to be written to the database.
#[derive(Debug)]
pub(crate) struct UsageBatch {
    pub used: Vec<(ValueId, UsageEntry)>,
    pub tried: Vec<(ValueId, RejectedUses)>,
    pub clients: Vec<Arc<ClientInfo>>,
}

impl UsageBatch {
    /// Length of the longer list.
    pub fn len(&self) -> usize {
        self.used.len().max(self.tried.len())
    }

    /// Sorts by row key: neighbouring rows share pages, so each page is written once.
    pub fn sort(&mut self) {
        self.used.sort_unstable_by_key(|(value, _)| *value);
        self.tried.sort_unstable_by_key(|(value, _)| *value);
    }
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
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ClientIndex(u32);

/// Index of the clients that did not fit into the table.
const UNKNOWN: ClientIndex = ClientIndex(u32::MAX);

impl ClientIndex {
    /// Returns the element of `list` at this index.
    pub fn get<T>(self, list: &[T]) -> Option<&T> {
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
    pub fn record(&mut self, value: ValueId, client: ClientInfo, now: Timestamp) {
        let client = self.clients.index_of(client);
        self.add_use(value, UsageEntry::between(now, now, client));
    }

    /// Records a rejected use of a value that had ended.
    pub fn record_rejected(&mut self, value: ValueId, client: ClientInfo, now: Timestamp) {
        let client = self.clients.index_of(client);
        self.add_rejected(value, RejectedUses { count: 1, last: now, client });
    }

    /// Returns whether the buffer should be flushed immediately.
    pub fn is_due(&self) -> bool {
        self.used.len() >= FLUSH_THRESHOLD || self.clients.is_full()
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.used.len() + self.tried.len()
    }

    /// Removes and returns all entries.
    pub fn drain(&mut self) -> UsageBatch {
        UsageBatch {
            used: self.used.drain().collect(),
            tried: std::mem::take(&mut self.tried).into_iter().collect(),
            clients: std::mem::take(&mut self.clients).all,
        }
    }

    /// Restores the entries of a batch that were not written: those after the first `written` of each list.
    pub fn restore(&mut self, taken: &UsageBatch, written: usize) {
        let indexes: Vec<ClientIndex> =
            taken.clients.iter().map(|client| self.clients.index_of(ClientInfo::clone(client))).collect();
        let remap = |old: ClientIndex| old.get(&indexes).copied().unwrap_or(UNKNOWN);
        for (value, entry) in taken.used.iter().skip(written) {
            self.add_use(*value, UsageEntry { client: remap(entry.client), ..*entry });
        }
        for (value, entry) in taken.tried.iter().skip(written) {
            self.add_rejected(*value, RejectedUses { client: remap(entry.client), ..*entry });
        }
    }

    /// Merges uses that may be earlier or later than the existing entry: a restored batch is older than new uses.
    fn add_use(&mut self, value: ValueId, other: UsageEntry) {
        if let Some(entry) = self.used.get_mut(&value) {
            entry.merge(other);
        } else if self.used.len() < MAX_ENTRIES {
            if self.used.len() == PREALLOCATE_AT {
                self.used.reserve(MAX_ENTRIES - PREALLOCATE_AT);
            }
            self.used.insert(value, other);
        }
    }

    fn add_rejected(&mut self, value: ValueId, other: RejectedUses) {
        if let Some(entry) = self.tried.get_mut(&value) {
            entry.merge(other);
        } else if self.tried.len() < MAX_ENTRIES {
            self.tried.insert(value, other);
        }
    }
}

impl UsageEntry {
    fn between(first: Timestamp, last: Timestamp, client: ClientIndex) -> Self {
        let span_ms = last.since(first).as_micros().div_ceil(1000);
        Self { first, span_ms: u32::try_from(span_ms).unwrap_or(u32::MAX), client }
    }

    /// Time of the last use, rounded up by less than a millisecond, so that it is never earlier than the real time.
    pub fn last(&self) -> Timestamp {
        self.first + Duration::from_millis(self.span_ms.into())
    }

    fn merge(&mut self, other: Self) {
        let is_later = self.last() <= other.last();
        let client = if is_later { other.client } else { self.client };
        *self = Self::between(self.first.min(other.first), self.last().max(other.last()), client);
    }
}

impl RejectedUses {
    fn merge(&mut self, other: Self) {
        let later = if self.last <= other.last { other } else { *self };
        *self = Self { count: self.count + other.count, ..later };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_micros(43_200_000_000);

    fn client(agent: &str) -> ClientInfo {
        ClientInfo { ip: std::net::Ipv4Addr::LOCALHOST.into(), agent: Some(agent.to_owned()) }
    }

    fn agent(buffer: &UsageBuffer, index: ClientIndex) -> Option<&str> {
        index.get(&buffer.clients.all)?.agent.as_deref()
    }

    #[test]
    fn a_full_buffer_updates_existing_values_and_adds_no_new_ones() {
        let mut buffer = UsageBuffer::default();
        let later = NOON + Duration::from_micros(1500);
        let many = i64::try_from(MAX_ENTRIES).unwrap() + 1;
        for value in 0..many {
            buffer.record(ValueId(value), client("first"), NOON);
            buffer.record_rejected(ValueId(value), client("first"), NOON);
        }
        let taken = buffer.drain();
        assert_eq!([taken.used.len(), taken.tried.len()], [MAX_ENTRIES; 2]);
        // Between drain and restore, one of these values is used again, and a new one.
        for value in [0, many] {
            buffer.record(ValueId(value), client("second"), later);
            buffer.record_rejected(ValueId(value), client("second"), later);
        }
        buffer.restore(&taken, 0);
        assert_eq!([buffer.used.len(), buffer.tried.len()], [MAX_ENTRIES; 2]);
        let (used, tried) = (buffer.used[&ValueId(0)], buffer.tried[&ValueId(0)]);
        assert_eq!(
            (used.first, used.last()),
            (NOON, NOON + Duration::from_millis(2)),
            "the last use is rounded up to the millisecond"
        );
        assert_eq!((tried.count, tried.last), (2, later));
        assert_eq!([used.client, tried.client].map(|index| agent(&buffer, index)), [Some("second"); 2]);
        let untouched = buffer.used.keys().find(|value| ![0, many].contains(&value.0)).unwrap();
        assert_eq!(agent(&buffer, buffer.used[untouched].client), Some("first"));
        assert!(buffer.used.contains_key(&ValueId(many)), "a value that was recorded after the drain is kept");
        let mut other = UsageBuffer::default();
        other.restore(&taken, MAX_ENTRIES - 1);
        assert_eq!([other.used.len(), other.tried.len()], [1; 2], "written entries are not restored");
    }

    #[test]
    fn entries_merge_in_any_order() {
        let after = |minutes| NOON + Duration::from_mins(minutes);
        let entry = |first, last| UsageEntry::between(after(first), after(last), UNKNOWN);
        for (one, other) in [
            (entry(0, 1), entry(3, 9)),
            (entry(3, 9), entry(0, 1)),
            (entry(0, 9), entry(3, 4)),
            (entry(3, 4), entry(0, 9)),
        ] {
            let mut merged = one;
            merged.merge(other);
            assert_eq!((merged.first, merged.last()), (NOON, after(9)));
        }
        // A span over 49 days does not fit: the last use is then too early.
        let far = UsageEntry::between(NOON, NOON + Duration::from_hours(24 * 60), UNKNOWN);
        assert_eq!(far.last().since(NOON).as_secs() / 86_400, 49);
    }

    #[test]
    fn uses_by_clients_beyond_the_limit_are_recorded_without_a_client() {
        let mut buffer = UsageBuffer::default();
        for number in 0..MAX_CLIENTS {
            assert!(!buffer.is_due());
            buffer.record(ValueId(1), client(&number.to_string()), NOON);
        }
        assert!(buffer.is_due(), "a full client table makes a flush due");
        buffer.record(ValueId(2), client("one more"), NOON);
        buffer.record(ValueId(3), client("7"), NOON);
        assert_eq!(buffer.clients.all.len(), MAX_CLIENTS);
        let agent_of = |value| agent(&buffer, buffer.used[&ValueId(value)].client);
        assert_eq!([agent_of(1), agent_of(2), agent_of(3)], [Some("4095"), None, Some("7")]);
    }
}
