//! The callers of a token. At most [`MAX_ORIGINS`] have a row; the others are counted together.

use std::sync::Arc;

use crate::base::clock::Timestamp;

/// Maximum number of callers with a row of their own.
const MAX_ORIGINS: usize = 20;

/// Number of callers that keep their rows because they were the first, and of those because they call most.
const PROTECTED: usize = 8;

/// A caller of a token: an address and a program, with its first and last call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The IP address; empty for all callers that have no row of their own. A text is shared: a flush has many callers with
    /// the same one.
    pub ip: Arc<str>,
    /// Product and version of the program; empty if it is unknown.
    pub agent: Arc<str>,
    pub first_seen_at: Timestamp,
    pub last_seen_at: Timestamp,
    pub calls: i64,
    /// Calls that were rejected because the value had ended.
    pub rejected: i64,
}

impl Origin {
    /// Whether this counts the callers without a row.
    #[must_use]
    pub fn is_others(&self) -> bool {
        self.ip.is_empty()
    }

    fn is_same(&self, other: &Self) -> bool {
        self.ip == other.ip && self.agent == other.agent
    }

    /// Adds the calls of `other`.
    pub(super) fn add(&mut self, other: &Self) {
        self.first_seen_at = self.first_seen_at.min(other.first_seen_at);
        self.last_seen_at = self.last_seen_at.max(other.last_seen_at);
        self.calls += other.calls;
        self.rejected += other.rejected;
    }
}

/// Sorts callers and adds up those with the same key and the same address and program.
pub(super) fn merge_same<K: Ord>(callers: &mut Vec<(K, Origin)>) {
    callers.sort_by(|(key, one), (other_key, other)| {
        (key, &one.ip, &one.agent).cmp(&(other_key, &other.ip, &other.agent))
    });
    callers.dedup_by(|(key, origin), (kept_key, kept)| {
        let is_same = key == kept_key && kept.is_same(origin);
        if is_same {
            kept.add(origin);
        }
        is_same
    });
}

/// Adds a caller to those of its token. If there is no room, the caller that was seen least recently gives up its row, but
/// not one of the oldest or the busiest, whatever a client sends.
pub(super) fn add_origin(origins: &mut Vec<Origin>, new: Origin) {
    if let Some(known) = origins.iter_mut().find(|known| known.is_same(&new)) {
        known.add(&new);
        return;
    }
    origins.push(new);
    let mut rows: Vec<usize> = (0..origins.len()).filter(|nth| !origins[*nth].is_others()).collect();
    if rows.len() <= MAX_ORIGINS {
        return;
    }
    rows.sort_by_key(|nth| origins[*nth].first_seen_at);
    let (_, younger) = rows.split_at_mut(PROTECTED);
    younger.sort_by_key(|nth| std::cmp::Reverse(origins[*nth].calls));
    let (_, unprotected) = younger.split_at(PROTECTED);
    let Some(oldest) = unprotected.iter().copied().min_by_key(|nth| origins[*nth].last_seen_at) else { return };
    let removed = origins.swap_remove(oldest);
    let others = Origin { ip: Arc::default(), agent: Arc::default(), ..removed };
    match origins.iter_mut().find(|it| it.is_others()) {
        Some(known) => known.add(&others),
        None => origins.push(others),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn origin(ip: &str, agent: &str, at: i64, calls: i64) -> Origin {
        let at = Timestamp::from_micros(at);
        let (ip, agent) = (ip.into(), agent.into());
        Origin { ip, agent, first_seen_at: at, last_seen_at: at, calls, rejected: 0 }
    }

    #[test]
    fn a_flood_of_programs_removes_neither_the_oldest_nor_the_busiest() {
        let mut origins = Vec::new();
        for nth in 0..8 {
            add_origin(&mut origins, origin("192.0.2.1", &format!("old/{nth}"), nth, 1));
            add_origin(&mut origins, origin("192.0.2.2", &format!("busy/{nth}"), 100 + nth, 1000));
        }
        for nth in 0..10_000 {
            add_origin(&mut origins, origin("203.0.113.9", &format!("flood{nth}"), 1000 + nth, 1));
        }
        let count = |start: &str| origins.iter().filter(|it| it.agent.starts_with(start)).count();
        assert_eq!([count("old/"), count("busy/"), count("flood")], [8, 8, 4]);
        let others = origins.iter().find(|it| it.is_others()).unwrap();
        assert_eq!((others.calls, others.first_seen_at.micros(), others.last_seen_at.micros()), (9996, 1000, 10_995));
        assert!(count("flood9999") == 1, "the latest has a row");
    }

    proptest! {
        #[test]
        fn no_call_is_lost_and_the_number_of_rows_is_bounded(uses in prop::collection::vec((0..40_u8, 0..9_i64, 0..5_i64), 0..200)) {
            let mut origins = Vec::new();
            for (program, at, calls) in &uses {
                add_origin(&mut origins, origin("192.0.2.1", &program.to_string(), *at, *calls));
            }
            prop_assert!(origins.len() <= MAX_ORIGINS + 1);
            prop_assert_eq!(origins.iter().map(|it| it.calls).sum::<i64>(), uses.iter().map(|(.., calls)| calls).sum::<i64>());
        }
    }
}
