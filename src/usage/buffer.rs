//! The evidence of use that waits to be written, of some of the values. There may be hundreds of thousands of entries, so
//! each is 24 bytes, and who called stands in a list of its own.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::base::client_info::ClientInfo;
use crate::base::clock::Timestamp;
use crate::db::ids::ValueId;

/// How many values are waited with, of uses and of tries each: as many as a hash table of 2^16 places takes. While nothing
/// can be written, what comes then is not noted; a value that is known stays so.
const MAX_ENTRIES: usize = 57_344;

/// When so many wait they are written at once; as many more as are missing may come until it is their turn. The more there
/// are, the more of them share a page of the database, which is written once for all of them.
const FLUSH_THRESHOLD: usize = MAX_ENTRIES / 8 * 5;

/// When so many wait, the table gets the room for all that may, and keeps it. Doubled from few to many, again after each
/// rest, it would tear holes into the memory that many passes are kept in.
const PREALLOCATE_AT: usize = MAX_ENTRIES / 64;

/// How many clients are told apart until they are written. The uses of others are noted without one.
const MAX_CLIENTS: usize = 4096;

/// What happened to values since it was written last.
#[derive(Debug, Default)]
pub(crate) struct UsageBuffer {
    used: HashMap<ValueId, UsageEntry>,
    tried: HashMap<ValueId, RejectedUses>,
    clients: ClientTable,
}

/// The uses of one value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UsageEntry {
    /// When the first was.
    pub first: Timestamp,
    /// How many milliseconds later the last was, rounded up.
    span_ms: u32,
    /// Who called last.
    pub client: ClientIndex,
}

/// The tries of one value after it had stopped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RejectedUses {
    pub count: i64,
    pub last: Timestamp,
    /// Who tried last.
    pub client: ClientIndex,
}

/// What was taken to be written.
#[derive(Debug)]
pub(crate) struct UsageBatch {
    pub used: Vec<(ValueId, UsageEntry)>,
    pub tried: Vec<(ValueId, RejectedUses)>,
    pub clients: Vec<Arc<ClientInfo>>,
}

impl UsageBatch {
    /// How many values the longer list is of.
    pub fn len(&self) -> usize {
        self.used.len().max(self.tried.len())
    }

    /// In the order of the database's rows: neighbours share pages, and each page is written once.
    pub fn sort(&mut self) {
        self.used.sort_unstable_by_key(|(value, _)| *value);
        self.tried.sort_unstable_by_key(|(value, _)| *value);
    }
}

/// Each client once, however many values it uses.
#[derive(Debug, Default)]
struct ClientTable {
    all: Vec<Arc<ClientInfo>>,
    numbers: HashMap<Arc<ClientInfo>, ClientIndex>,
    /// Who was asked for last: most often it is they again.
    latest: ClientIndex,
}

/// A client's place in the list.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ClientIndex(u32);

/// Of clients that are not told apart.
const UNKNOWN: ClientIndex = ClientIndex(u32::MAX);

impl ClientIndex {
    /// What stands at its place.
    pub fn get<T>(self, list: &[T]) -> Option<&T> {
        list.get(usize::try_from(self.0).ok()?)
    }
}

impl ClientTable {
    fn number(&mut self, client: ClientInfo) -> ClientIndex {
        if self.latest.get(&self.all).is_some_and(|latest| **latest == client) {
            return self.latest;
        }
        let number = match self.numbers.get(&client) {
            Some(known) => *known,
            None => self.add(Arc::new(client)),
        };
        self.latest = number;
        number
    }

    fn are_full(&self) -> bool {
        self.all.len() >= MAX_CLIENTS
    }

    fn add(&mut self, client: Arc<ClientInfo>) -> ClientIndex {
        if self.are_full() {
            return UNKNOWN;
        }
        let number = u32::try_from(self.all.len()).map_or(UNKNOWN, ClientIndex);
        self.all.push(Arc::clone(&client));
        self.numbers.insert(client, number);
        number
    }
}

impl UsageBuffer {
    /// Notes that a value was used.
    pub fn record(&mut self, value: ValueId, client: ClientInfo, now: Timestamp) {
        let client = self.clients.number(client);
        self.add_use(value, UsageEntry::between(now, now, client));
    }

    /// Notes that a value was tried after it had stopped.
    pub fn record_rejected(&mut self, value: ValueId, client: ClientInfo, now: Timestamp) {
        let client = self.clients.number(client);
        self.add_tries(value, RejectedUses { count: 1, last: now, client });
    }

    /// Is there so much that it is better written now?
    pub fn is_due(&self) -> bool {
        self.used.len() >= FLUSH_THRESHOLD || self.clients.are_full()
    }

    /// How many values wait.
    pub fn len(&self) -> usize {
        self.used.len() + self.tried.len()
    }

    /// Everything, to be written.
    pub fn drain(&mut self) -> UsageBatch {
        UsageBatch {
            used: self.used.drain().collect(),
            tried: std::mem::take(&mut self.tried).into_iter().collect(),
            clients: std::mem::take(&mut self.clients).all,
        }
    }

    /// Takes back what could not be written: of each list what comes after so many.
    pub fn restore(&mut self, taken: &UsageBatch, written: usize) {
        let numbers: Vec<ClientIndex> =
            taken.clients.iter().map(|client| self.clients.number(ClientInfo::clone(client))).collect();
        let here = |there: ClientIndex| there.get(&numbers).copied().unwrap_or(UNKNOWN);
        for (value, seen) in taken.used.iter().skip(written) {
            self.add_use(*value, UsageEntry { client: here(seen.client), ..*seen });
        }
        for (value, seen) in taken.tried.iter().skip(written) {
            self.add_tries(*value, RejectedUses { client: here(seen.client), ..*seen });
        }
    }

    /// Adds uses from elsewhere in time: earlier or later, whichever way two batches meet.
    fn add_use(&mut self, value: ValueId, other: UsageEntry) {
        if let Some(known) = self.used.get_mut(&value) {
            known.merge(other);
        } else if self.used.len() < MAX_ENTRIES {
            if self.used.len() == PREALLOCATE_AT {
                self.used.reserve(MAX_ENTRIES - PREALLOCATE_AT);
            }
            self.used.insert(value, other);
        }
    }

    fn add_tries(&mut self, value: ValueId, other: RejectedUses) {
        if let Some(known) = self.tried.get_mut(&value) {
            known.merge(other);
        } else if self.tried.len() < MAX_ENTRIES {
            self.tried.insert(value, other);
        }
    }
}

impl UsageEntry {
    fn between(first: Timestamp, last: Timestamp, client: ClientIndex) -> Self {
        let lasted = last.since(first).as_micros().div_ceil(1000);
        Self { first, span_ms: u32::try_from(lasted).unwrap_or(u32::MAX), client }
    }

    /// When the last was; up to a millisecond late, so that it never seems to lie before what happened before it.
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

    fn agent(waiting: &UsageBuffer, number: ClientIndex) -> Option<&str> {
        number.get(&waiting.clients.all)?.agent.as_deref()
    }

    #[test]
    fn what_waits_for_a_database_that_takes_nothing_is_bounded_and_what_is_known_stays() {
        let mut waiting = UsageBuffer::default();
        let later = NOON + Duration::from_micros(1500);
        let many = i64::try_from(MAX_ENTRIES).unwrap() + 1;
        for value in 0..many {
            waiting.record(ValueId(value), client("first"), NOON);
            waiting.record_rejected(ValueId(value), client("first"), NOON);
        }
        let taken = waiting.drain();
        assert_eq!([taken.used.len(), taken.tried.len()], [MAX_ENTRIES; 2]);
        // Meanwhile one of these values is used again, and a new one.
        for value in [0, many] {
            waiting.record(ValueId(value), client("second"), later);
            waiting.record_rejected(ValueId(value), client("second"), later);
        }
        waiting.restore(&taken, 0);
        assert_eq!([waiting.used.len(), waiting.tried.len()], [MAX_ENTRIES; 2]);
        let (used, tried) = (waiting.used[&ValueId(0)], waiting.tried[&ValueId(0)]);
        assert_eq!(
            (used.first, used.last()),
            (NOON, NOON + Duration::from_millis(2)),
            "to the millisecond, never early"
        );
        assert_eq!((tried.count, tried.last), (2, later));
        assert_eq!([used.client, tried.client].map(|number| agent(&waiting, number)), [Some("second"); 2]);
        let untouched = waiting.used.keys().find(|value| ![0, many].contains(&value.0)).unwrap();
        assert_eq!(agent(&waiting, waiting.used[untouched].client), Some("first"));
        assert!(waiting.used.contains_key(&ValueId(many)), "the latest is kept before the oldest");
        let mut elsewhere = UsageBuffer::default();
        elsewhere.restore(&taken, MAX_ENTRIES - 1);
        assert_eq!([elsewhere.used.len(), elsewhere.tried.len()], [1; 2], "what was written is not written again");
    }

    #[test]
    fn uses_meet_in_any_order() {
        let after = |minutes| NOON + Duration::from_mins(minutes);
        let of = |first, last| UsageEntry::between(after(first), after(last), UNKNOWN);
        for (one, other) in [(of(0, 1), of(3, 9)), (of(3, 9), of(0, 1)), (of(0, 9), of(3, 4)), (of(3, 4), of(0, 9))] {
            let mut both = one;
            both.merge(other);
            assert_eq!((both.first, both.last()), (NOON, after(9)));
        }
        // Longer than it can be told, which is 49 days: the last is early rather than lost.
        let far = UsageEntry::between(NOON, NOON + Duration::from_hours(24 * 60), UNKNOWN);
        assert_eq!(far.last().since(NOON).as_secs() / 86_400, 49);
    }

    #[test]
    fn of_more_clients_than_are_told_apart_the_uses_still_count() {
        let mut waiting = UsageBuffer::default();
        for number in 0..MAX_CLIENTS {
            assert!(!waiting.is_due());
            waiting.record(ValueId(1), client(&number.to_string()), NOON);
        }
        assert!(waiting.is_due(), "they are written before there are more");
        waiting.record(ValueId(2), client("one more"), NOON);
        waiting.record(ValueId(3), client("7"), NOON);
        assert_eq!(waiting.clients.all.len(), MAX_CLIENTS);
        let agent_of = |value| agent(&waiting, waiting.used[&ValueId(value)].client);
        assert_eq!([agent_of(1), agent_of(2), agent_of(3)], [Some("4095"), None, Some("7")]);
    }
}
