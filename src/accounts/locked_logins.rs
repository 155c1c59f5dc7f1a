//! Locked sign-ins, in the memory of this process. While a lock is known here, a rejected attempt costs no query and
//! writes no row.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::base::clock::Timestamp;

/// Time after which a lock is read from the database again. A password reset at another instance may have ended it.
const RECHECK_AFTER: Duration = Duration::from_secs(2);

/// Maximum number of locks in memory, about 150 bytes each. Locks beyond it cause queries, but no event.
const MAX_LOCKS: usize = 10_000;

/// The digest of an account, and a client's network. Without an account, the network is locked for all accounts.
pub(crate) type LockKey = (Option<[u8; 32]>, String);

#[derive(Debug, Clone, Copy)]
struct Lock {
    until: Timestamp,
    recheck_at: Timestamp,
}

/// The locks that this process has read.
#[derive(Debug, Default)]
pub(crate) struct LockedLogins(Mutex<HashMap<LockKey, Lock>>);

impl LockedLogins {
    /// Returns the remaining time of a lock of the network, or of the account from this network. `None` if there may be no
    /// lock.
    pub(crate) fn remaining(&self, account: Option<[u8; 32]>, network: &str, now: Timestamp) -> Option<Duration> {
        let locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = [(None, network.to_owned()), (account, network.to_owned())];
        // After the clock was set back, a lock that was read before is read again.
        let is_recent = |lock: &&Lock| (lock.recheck_at - RECHECK_AFTER..lock.recheck_at).contains(&now);
        let known = keys.iter().filter_map(|key| locks.get(key)).filter(is_recent);
        known.map(|lock| lock.until.since(now)).max().filter(|wait| !wait.is_zero())
    }

    /// Stores a lock that was read from the database. Returns whether it is new, so that each lock is recorded once.
    pub(crate) fn insert(&self, key: LockKey, until: Timestamp, now: Timestamp) -> bool {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if locks.len() >= MAX_LOCKS {
            locks.retain(|_, lock| now < lock.until);
        }
        if locks.len() >= MAX_LOCKS && !locks.contains_key(&key) {
            return false;
        }
        let previous = locks.insert(key, Lock { until, recheck_at: now + RECHECK_AFTER });
        previous.is_none_or(|lock| lock.until <= now)
    }

    /// Removes the locks of an account.
    pub(crate) fn remove(&self, account: &[u8; 32]) {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        locks.retain(|(locked, _), _| locked.as_ref() != Some(account));
    }
}

/// Maximum number of events per day that this process records for failed attempts and locks: about 10 MB. Further ones are
/// logged only, so that no one can fill the database.
const MAX_FAILURE_EVENTS_PER_DAY: u32 = 20_000;

/// Counts the events of a day (UTC).
#[derive(Debug, Default)]
pub(crate) struct DailyBudget(Mutex<(i64, u32)>);

impl DailyBudget {
    /// Takes one event from the budget. `false` if it is used up.
    pub(crate) fn take(&self, now: Timestamp) -> bool {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let day = now.micros().div_euclid(86_400_000_000);
        if counted.0 != day {
            *counted = (day, 0);
        }
        counted.1 = counted.1.saturating_add(1);
        if counted.1 == MAX_FAILURE_EVENTS_PER_DAY {
            log::warn!("the limit of {MAX_FAILURE_EVENTS_PER_DAY} events of failed sign-ins per day is reached");
        }
        counted.1 <= MAX_FAILURE_EVENTS_PER_DAY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_795_435_200_000_000);
    const ACCOUNT: [u8; 32] = [7; 32];

    #[test]
    fn a_lock_is_new_once_and_is_read_again_after_a_while() {
        let locks = LockedLogins::default();
        let (key, until) = ((Some(ACCOUNT), "203.0.113.7".to_owned()), NOW + Duration::from_mins(1));
        assert_eq!(locks.remaining(Some(ACCOUNT), "203.0.113.7", NOW), None);
        assert!(locks.insert(key.clone(), until, NOW));
        assert_eq!(locks.remaining(Some(ACCOUNT), "203.0.113.7", NOW), Some(Duration::from_mins(1)));
        assert_eq!(locks.remaining(Some([8; 32]), "203.0.113.7", NOW), None, "another account");
        assert_eq!(locks.remaining(Some(ACCOUNT), "203.0.113.8", NOW), None, "another network");
        let later = NOW + RECHECK_AFTER;
        assert_eq!(locks.remaining(Some(ACCOUNT), "203.0.113.7", later), None, "must be read again");
        assert!(!locks.insert(key.clone(), until, later), "the same lock");
        assert!(locks.insert(key, until + Duration::from_mins(1), until), "the next lock");
        let before = NOW + RECHECK_AFTER - Duration::from_mins(1);
        assert_eq!(locks.remaining(Some(ACCOUNT), "203.0.113.7", before), None, "the clock was set back");
        locks.remove(&ACCOUNT);
        assert_eq!(locks.remaining(Some(ACCOUNT), "203.0.113.7", until), None);
    }

    #[test]
    fn a_locked_network_is_locked_for_every_account() {
        let locks = LockedLogins::default();
        locks.insert((None, "2001:db8::/64".to_owned()), NOW + Duration::from_secs(9), NOW);
        for account in [None, Some(ACCOUNT)] {
            assert_eq!(locks.remaining(account, "2001:db8::/64", NOW), Some(Duration::from_secs(9)));
        }
    }

    #[test]
    fn a_daily_budget_is_used_up_and_new_on_the_next_day() {
        let budget = DailyBudget::default();
        assert!((0..MAX_FAILURE_EVENTS_PER_DAY).all(|_| budget.take(NOW)));
        assert!(!budget.take(NOW));
        assert!(budget.take(NOW + Duration::from_hours(24)));
    }

    #[test]
    fn the_number_of_locks_is_bounded() {
        let locks = LockedLogins::default();
        let until = NOW + Duration::from_mins(1);
        let insert = |nth: usize, now| locks.insert((None, nth.to_string()), until, now);
        assert!((0..MAX_LOCKS).all(|nth| insert(nth, NOW)));
        assert!(!insert(MAX_LOCKS, NOW));
        assert_eq!(locks.0.lock().unwrap().len(), MAX_LOCKS);
        assert!(locks.insert((None, "next".to_owned()), until + Duration::from_mins(1), until));
        assert_eq!(locks.0.lock().unwrap().len(), 1, "locks that have ended are removed");
    }
}
