//! The evidence of use that waits to be written, of some of the values. There may be hundreds of thousands of entries, so
//! each is 24 bytes, and who called stands in a list of its own.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::base::client_info::Client;
use crate::base::clock::Timestamp;
use crate::db::ids::ValueKey;

/// How many values are waited with, of uses and of tries each: as many as a hash table of 2^16 places takes. While nothing
/// can be written, what comes then is not noted; a value that is known stays so.
const MOST: usize = 57_344;

/// When so many wait they are written at once; as many more as are missing may come until it is their turn. The more there
/// are, the more of them share a page of the database, which is written once for all of them.
const DUE: usize = MOST / 8 * 5;

/// When so many wait, the table gets the room for all that may, and keeps it. Doubled from few to many, again after each
/// rest, it would tear holes into the memory that many passes are kept in.
const MANY: usize = MOST / 64;

/// How many clients are told apart until they are written. The uses of others are noted without one.
const CLIENTS: usize = 4096;

/// What happened to values since it was written last.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    used: HashMap<ValueKey, Use>,
    tried: HashMap<ValueKey, Tries>,
    clients: Clients,
}

/// The uses of one value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Use {
    /// When the first was.
    pub first: Timestamp,
    /// How many milliseconds later the last was, rounded up.
    lasted: u32,
    /// Who called last.
    pub client: ClientNumber,
}

/// The tries of one value after it had stopped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tries {
    pub count: i64,
    pub last: Timestamp,
    /// Who tried last.
    pub client: ClientNumber,
}

/// What was taken to be written.
#[derive(Debug)]
pub(crate) struct Taken {
    pub used: Vec<(ValueKey, Use)>,
    pub tried: Vec<(ValueKey, Tries)>,
    pub clients: Vec<Arc<Client>>,
}

impl Taken {
    /// How many values the longer list is of.
    pub fn longest(&self) -> usize {
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
struct Clients {
    all: Vec<Arc<Client>>,
    numbers: HashMap<Arc<Client>, ClientNumber>,
    /// Who was asked for last: most often it is they again.
    latest: ClientNumber,
}

/// A client's place in the list.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ClientNumber(u32);

/// Of clients that are not told apart.
const UNKNOWN: ClientNumber = ClientNumber(u32::MAX);

impl ClientNumber {
    /// What stands at its place.
    pub fn of<T>(self, list: &[T]) -> Option<&T> {
        list.get(usize::try_from(self.0).ok()?)
    }
}

impl Clients {
    fn number(&mut self, client: Client) -> ClientNumber {
        if self.latest.of(&self.all).is_some_and(|latest| **latest == client) {
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
        self.all.len() >= CLIENTS
    }

    fn add(&mut self, client: Arc<Client>) -> ClientNumber {
        if self.are_full() {
            return UNKNOWN;
        }
        let number = u32::try_from(self.all.len()).map_or(UNKNOWN, ClientNumber);
        self.all.push(Arc::clone(&client));
        self.numbers.insert(client, number);
        number
    }
}

impl Waiting {
    /// Notes that a value was used.
    pub fn note_use(&mut self, value: ValueKey, client: Client, now: Timestamp) {
        let client = self.clients.number(client);
        self.add_use(value, Use::between(now, now, client));
    }

    /// Notes that a value was tried after it had stopped.
    pub fn note_try(&mut self, value: ValueKey, client: Client, now: Timestamp) {
        let client = self.clients.number(client);
        self.add_tries(value, Tries { count: 1, last: now, client });
    }

    /// Is there so much that it is better written now?
    pub fn is_due(&self) -> bool {
        self.used.len() >= DUE || self.clients.are_full()
    }

    /// How many values wait.
    pub fn len(&self) -> usize {
        self.used.len() + self.tried.len()
    }

    /// Everything, to be written.
    pub fn take(&mut self) -> Taken {
        Taken {
            used: self.used.drain().collect(),
            tried: std::mem::take(&mut self.tried).into_iter().collect(),
            clients: std::mem::take(&mut self.clients).all,
        }
    }

    /// Takes back what could not be written: of each list what comes after so many.
    pub fn keep(&mut self, taken: &Taken, written: usize) {
        let numbers: Vec<ClientNumber> =
            taken.clients.iter().map(|client| self.clients.number(Client::clone(client))).collect();
        let here = |there: ClientNumber| there.of(&numbers).copied().unwrap_or(UNKNOWN);
        for (value, seen) in taken.used.iter().skip(written) {
            self.add_use(*value, Use { client: here(seen.client), ..*seen });
        }
        for (value, seen) in taken.tried.iter().skip(written) {
            self.add_tries(*value, Tries { client: here(seen.client), ..*seen });
        }
    }

    /// Adds uses from elsewhere in time: earlier or later, whichever way two batches meet.
    fn add_use(&mut self, value: ValueKey, other: Use) {
        if let Some(known) = self.used.get_mut(&value) {
            known.join(other);
        } else if self.used.len() < MOST {
            if self.used.len() == MANY {
                self.used.reserve(MOST - MANY);
            }
            self.used.insert(value, other);
        }
    }

    fn add_tries(&mut self, value: ValueKey, other: Tries) {
        if let Some(known) = self.tried.get_mut(&value) {
            known.join(other);
        } else if self.tried.len() < MOST {
            self.tried.insert(value, other);
        }
    }
}

impl Use {
    fn between(first: Timestamp, last: Timestamp, client: ClientNumber) -> Self {
        let lasted = last.since(first).as_micros().div_ceil(1000);
        Self { first, lasted: u32::try_from(lasted).unwrap_or(u32::MAX), client }
    }

    /// When the last was; up to a millisecond late, so that it never seems to lie before what happened before it.
    pub fn last(&self) -> Timestamp {
        self.first + Duration::from_millis(self.lasted.into())
    }

    fn join(&mut self, other: Self) {
        let is_later = self.last() <= other.last();
        let client = if is_later { other.client } else { self.client };
        *self = Self::between(self.first.min(other.first), self.last().max(other.last()), client);
    }
}

impl Tries {
    fn join(&mut self, other: Self) {
        let later = if self.last <= other.last { other } else { *self };
        *self = Self { count: self.count + other.count, ..later };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_micros(43_200_000_000);

    fn client(agent: &str) -> Client {
        Client { ip: std::net::Ipv4Addr::LOCALHOST.into(), agent: Some(agent.to_owned()) }
    }

    fn agent(waiting: &Waiting, number: ClientNumber) -> Option<&str> {
        number.of(&waiting.clients.all)?.agent.as_deref()
    }

    #[test]
    fn what_waits_for_a_database_that_takes_nothing_is_bounded_and_what_is_known_stays() {
        let mut waiting = Waiting::default();
        let later = NOON + Duration::from_micros(1500);
        let many = i64::try_from(MOST).unwrap() + 1;
        for value in 0..many {
            waiting.note_use(ValueKey(value), client("first"), NOON);
            waiting.note_try(ValueKey(value), client("first"), NOON);
        }
        let taken = waiting.take();
        assert_eq!([taken.used.len(), taken.tried.len()], [MOST; 2]);
        // Meanwhile one of these values is used again, and a new one.
        for value in [0, many] {
            waiting.note_use(ValueKey(value), client("second"), later);
            waiting.note_try(ValueKey(value), client("second"), later);
        }
        waiting.keep(&taken, 0);
        assert_eq!([waiting.used.len(), waiting.tried.len()], [MOST; 2]);
        let (used, tried) = (waiting.used[&ValueKey(0)], waiting.tried[&ValueKey(0)]);
        assert_eq!(
            (used.first, used.last()),
            (NOON, NOON + Duration::from_millis(2)),
            "to the millisecond, never early"
        );
        assert_eq!((tried.count, tried.last), (2, later));
        assert_eq!([used.client, tried.client].map(|number| agent(&waiting, number)), [Some("second"); 2]);
        let untouched = waiting.used.keys().find(|value| ![0, many].contains(&value.0)).unwrap();
        assert_eq!(agent(&waiting, waiting.used[untouched].client), Some("first"));
        assert!(waiting.used.contains_key(&ValueKey(many)), "the latest is kept before the oldest");
        let mut elsewhere = Waiting::default();
        elsewhere.keep(&taken, MOST - 1);
        assert_eq!([elsewhere.used.len(), elsewhere.tried.len()], [1; 2], "what was written is not written again");
    }

    #[test]
    fn uses_meet_in_any_order() {
        let after = |minutes| NOON + Duration::from_mins(minutes);
        let of = |first, last| Use::between(after(first), after(last), UNKNOWN);
        for (one, other) in [(of(0, 1), of(3, 9)), (of(3, 9), of(0, 1)), (of(0, 9), of(3, 4)), (of(3, 4), of(0, 9))] {
            let mut both = one;
            both.join(other);
            assert_eq!((both.first, both.last()), (NOON, after(9)));
        }
        // Longer than it can be told, which is 49 days: the last is early rather than lost.
        let far = Use::between(NOON, NOON + Duration::from_hours(24 * 60), UNKNOWN);
        assert_eq!(far.last().since(NOON).as_secs() / 86_400, 49);
    }

    #[test]
    fn of_more_clients_than_are_told_apart_the_uses_still_count() {
        let mut waiting = Waiting::default();
        for number in 0..CLIENTS {
            assert!(!waiting.is_due());
            waiting.note_use(ValueKey(1), client(&number.to_string()), NOON);
        }
        assert!(waiting.is_due(), "they are written before there are more");
        waiting.note_use(ValueKey(2), client("one more"), NOON);
        waiting.note_use(ValueKey(3), client("7"), NOON);
        assert_eq!(waiting.clients.all.len(), CLIENTS);
        let agent_of = |value| agent(&waiting, waiting.used[&ValueKey(value)].client);
        assert_eq!([agent_of(1), agent_of(2), agent_of(3)], [Some("4095"), None, Some("7")]);
    }
}
