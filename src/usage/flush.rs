//! Writes buffered uses in the caller's transaction: the last use of each value, its calls by day, the callers of its token,
//! and the calls of its workspace by day.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use crate::base::client_info::ClientInfo;
use crate::base::day::Day;
use crate::db::ids::ValueId;
use crate::db::{DbConnection, DbError};
use crate::usage::buffer::{ClientIndex, UsageBatch, UsageEntry};
use crate::usage::day_store::{self, Counts};
use crate::usage::event_store::{self, FirstRejection};
use crate::usage::origins::{Origin, merge_same};
use crate::usage::program::product_and_version;
use crate::usage::store::{ClientColumns, ValueUse, mark_rejected, mark_used};
use crate::usage::{origin_store, workspace_day_store};

/// Writes the entries of a batch at the positions `range` of each list.
pub(super) fn write(conn: &mut DbConnection, batch: &UsageBatch, range: &Range<usize>) -> Result<(), DbError> {
    let (used, rejected) = (batch.used(range), batch.rejected(range));
    let clients: Vec<ClientColumns> = batch.clients.iter().map(|client| ClientColumns::from_client(client)).collect();
    mark_used(conn, &by_value(used), &clients)?;
    mark_rejected(conn, &by_value(rejected), &clients)?;
    drop(clients);

    let counts = by_day(used, rejected);
    day_store::add(conn, &counts)?;
    let callers = Callers::new(batch);
    let new = origin_store::add(conn, &callers.uses(used, rejected))?;
    for new in origin_store::parts(&new) {
        let changes = origin_store::insert(conn, new)?;
        event_store::record_new_origins(conn, &changes)?;
    }
    let first = day_store::first_rejected(conn, &counts)?;
    // The entries of a value are in the order of their first uses.
    let mut entries: HashMap<(Day, ValueId), &UsageEntry> = HashMap::new();
    for (value, entry) in rejected {
        entries.entry((entry.day, *value)).or_insert(entry);
    }
    let rejection = |key: &(Day, ValueId)| {
        let entry = entries.get(key)?;
        let client = entry.client.get(&batch.clients).map(|client| ClientInfo::clone(client));
        Some(FirstRejection { value: key.1, at: entry.first, client })
    };
    let first: Vec<FirstRejection> = first.iter().filter_map(rejection).collect();
    event_store::record_first_rejections(conn, &first)?;
    workspace_day_store::add(conn, &counts)
}

/// Merges the entries of each value, which are neighbours.
fn by_value(entries: &[(ValueId, UsageEntry)]) -> Vec<ValueUse> {
    let merge = |entries: &[(ValueId, UsageEntry)]| {
        let (value, first) = entries.first()?;
        let (_, last) = entries.iter().max_by_key(|(_, entry)| entry.last())?;
        let count = entries.iter().map(|(_, entry)| i64::from(entry.count)).sum();
        Some(ValueUse { value: *value, first: first.first, last: last.last(), client: last.client, count })
    };
    entries.chunk_by(|(one, _), (other, _)| one == other).filter_map(merge).collect()
}

/// The calls of each value and day.
fn by_day(used: &[(ValueId, UsageEntry)], rejected: &[(ValueId, UsageEntry)]) -> BTreeMap<(Day, ValueId), Counts> {
    let mut counts: BTreeMap<(Day, ValueId), Counts> = BTreeMap::new();
    for (value, entry) in used {
        counts.entry((entry.day, *value)).or_default().0 += i64::from(entry.count);
    }
    for (value, entry) in rejected {
        counts.entry((entry.day, *value)).or_default().1 += i64::from(entry.count);
    }
    counts
}

/// The clients of a batch as callers: several clients can be the same program.
struct Callers {
    all: Vec<(Arc<str>, Arc<str>)>,
    /// For each client, the index of its caller.
    indexes: Vec<usize>,
}

/// The index of the callers that are counted together.
const OTHERS: usize = 0;

impl Callers {
    fn new(batch: &UsageBatch) -> Self {
        let mut all = vec![(Arc::default(), Arc::default())];
        let mut known: HashMap<(Arc<str>, Arc<str>), usize> = HashMap::new();
        let indexes = batch.clients.iter().map(|client| {
            let program = product_and_version(client.agent.as_deref().unwrap_or_default());
            *known.entry((client.ip_text().into(), program.into())).or_insert_with_key(|caller| {
                all.push(caller.clone());
                all.len() - 1
            })
        });
        let indexes = indexes.collect();
        Self { all, indexes }
    }

    fn index(&self, client: ClientIndex) -> usize {
        client.get(&self.indexes).copied().unwrap_or(OTHERS)
    }

    /// The uses of each value by each caller.
    fn uses(&self, used: &[(ValueId, UsageEntry)], rejected: &[(ValueId, UsageEntry)]) -> Vec<(ValueId, Origin)> {
        let used = used.iter().map(|(value, entry)| (value, entry, i64::from(entry.count), 0));
        let rejected = rejected.iter().map(|(value, entry)| (value, entry, 0, i64::from(entry.count)));
        let origin = |(value, entry, calls, rejected): (&ValueId, &UsageEntry, i64, i64)| {
            let (ip, agent) = self.all[self.index(entry.client)].clone();
            let (first_seen_at, last_seen_at) = (entry.first, entry.last());
            (*value, Origin { ip, agent, first_seen_at, last_seen_at, calls, rejected })
        };
        let mut callers = used.chain(rejected).map(origin).collect();
        merge_same(&mut callers);
        callers
    }
}
