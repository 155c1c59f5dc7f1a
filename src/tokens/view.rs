//! A token as lists show it. The decisions stand here; the templates only write them down.

use std::time::Duration;

use crate::base::clock::Timestamp;
use crate::base::random;
use crate::tokens::expiry::EXPIRING_SOON;
use crate::tokens::model::{DeletionSource, IdempotencyKey, LastUse, StoredValue, Token, Tombstone};
pub use crate::web::time_view::TimeView;

/// From what age on a value that was never used, nor any before it, is worth a hint.
const STALE: Duration = Duration::from_hours(30 * 24);

/// A use, or a try, as a page shows it.
pub struct UsageView {
    /// When.
    pub at: TimeView,
    /// From where and by what: ` from 203.0.113.7 (curl/8.5.0)`, or nothing.
    pub source: String,
}

impl UsageView {
    fn of(last: &LastUse) -> Self {
        let from = last.ip.as_ref().map_or_else(String::new, |ip| format!(" from {ip}"));
        let by = last.agent.as_ref().map_or_else(String::new, |agent| format!(" ({})", short_agent(agent)));
        Self { at: TimeView::new(last.at), source: format!("{from}{by}") }
    }
}

/// The first word of a user agent, which names the program: `python-requests/2.32`.
fn short_agent(agent: &str) -> String {
    agent.split_whitespace().next().unwrap_or_default().chars().take(40).collect()
}

/// When a token stops by itself.
pub enum ExpiryView {
    /// Never.
    Never,
    /// Some day.
    Later(TimeView),
    /// Within two weeks.
    Soon(TimeView),
    /// It did.
    Past(TimeView),
}

impl ExpiryView {
    fn of(ends_at: Option<Timestamp>, now: Timestamp) -> Self {
        match ends_at {
            None => Self::Never,
            Some(at) if at <= now => Self::Past(TimeView::new(at)),
            Some(at) if at <= now + EXPIRING_SOON => Self::Soon(TimeView::new(at)),
            Some(at) => Self::Later(TimeView::new(at)),
        }
    }
}

/// What is said under a token while two of its values work.
pub struct RotationStatus {
    /// The last use of the new value.
    pub new_used: Option<UsageView>,
    /// The last characters of the old value.
    pub old_hint: String,
    /// The last use of the old value.
    pub old_used: Option<UsageView>,
    /// When the old value stops.
    pub stops: TimeView,
    /// Was the old value used after the new one was made? Then stopping it breaks something.
    pub is_needed: bool,
}

impl RotationStatus {
    fn of(new: &StoredValue, old: &StoredValue) -> Self {
        Self {
            new_used: new.last_use.as_ref().map(UsageView::of),
            old_hint: old.hint.clone(),
            old_used: old.last_use.as_ref().map(UsageView::of),
            stops: TimeView::new(old.ends_at.unwrap_or(new.created_at)),
            is_needed: old.last_use.as_ref().is_some_and(|last| last.at >= new.created_at),
        }
    }
}

/// A value that has stopped and is still tried.
pub struct RejectedUseView {
    /// Its last characters.
    pub hint: String,
    /// When it stopped.
    pub stopped: TimeView,
    /// How often it was tried since: `once`, `14 times`.
    pub times: String,
    /// The last time.
    pub last: UsageView,
}

impl RejectedUseView {
    fn of(value: &StoredValue, stopped: Timestamp) -> Option<Self> {
        let last = value.last_rejected_use.as_ref()?;
        Some(Self {
            hint: value.hint.clone(),
            stopped: TimeView::new(stopped),
            times: if value.rejected_uses == 1 { "once".to_owned() } else { format!("{} times", value.rejected_uses) },
            last: UsageView::of(last),
        })
    }
}

/// A token as a list shows it.
pub struct TokenView {
    /// The public identifier.
    pub uuid: String,
    /// What its owner calls it.
    pub name: String,
    /// The last characters of its current value.
    pub hint: String,
    /// When it was made.
    pub created: TimeView,
    /// Its last use, by any of its values.
    pub last_use: Option<UsageView>,
    /// Its current value was not used yet.
    pub awaits_first_use: bool,
    /// It was never used, and its value is not new any more.
    pub is_stale: bool,
    /// When it stops by itself.
    pub expiry: ExpiryView,
    /// While two of its values work.
    pub band: Option<RotationStatus>,
    /// Values of before, or the expired one, that are still tried.
    pub tried: Vec<RejectedUseView>,
    /// The path below which its pages are.
    pub path: String,
    /// The key for a form on the same page that gives it a new value.
    pub form_key: String,
}

impl TokenView {
    /// A token in the list at `tokens_path`.
    #[must_use]
    pub fn of(token: &Token, tokens_path: &str, now: Timestamp) -> Self {
        let last_use = token.values().filter_map(|value| value.last_use.as_ref()).max_by_key(|last| last.at);
        let ended = |value: &StoredValue| value.ends_at.filter(|at| *at <= now);
        Self {
            uuid: token.uuid.to_string(),
            name: token.name.as_str().to_owned(),
            hint: token.current.hint.clone(),
            created: TimeView::day(token.created_at),
            last_use: last_use.map(UsageView::of),
            awaits_first_use: token.current.last_use.is_none() && token.current.is_active_at(now),
            is_stale: last_use.is_none() && now.since(token.current.created_at) >= STALE,
            expiry: ExpiryView::of(token.current.ends_at, now),
            band: token.retiring(now).map(|old| RotationStatus::of(&token.current, old)),
            tried: token.values().filter_map(|value| RejectedUseView::of(value, ended(value)?)).collect(),
            path: format!("{tokens_path}/{}", token.uuid),
            form_key: IdempotencyKey::generate(&mut random::os_rng()).as_str().to_owned(),
        }
    }
}

/// A deleted token as the list shows it.
pub struct DeletedTokenView {
    /// What its owner called it.
    pub name: String,
    /// The last characters of its last value.
    pub hint: String,
    /// What was done to it: `Deleted`, `Revoked`.
    pub verb: &'static str,
    /// When it was deleted.
    pub at: TimeView,
    /// Who deleted it, and by what.
    pub how: String,
    /// Its values that were tried since.
    pub tried: Vec<RejectedUseView>,
}

impl DeletedTokenView {
    /// A token that was deleted; `None` if it was not.
    #[must_use]
    pub fn of(token: &Token) -> Option<Self> {
        let Tombstone { at, by, via } = token.deleted.as_ref()?;
        let by = by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
        let through = match via {
            DeletionSource::Page => " on this page",
            DeletionSource::CommandLine => " from the command line",
            DeletionSource::Api => " through the API, with the token itself",
            DeletionSource::Removal => " with its owner’s membership",
            DeletionSource::Demotion => " when its owner became an agent",
            DeletionSource::Administrator => ", an administrator of this workspace",
        };
        Some(Self {
            name: token.name.as_str().to_owned(),
            hint: token.current.hint.clone(),
            verb: if *via == DeletionSource::Administrator { "Revoked" } else { "Deleted" },
            at: TimeView::new(*at),
            how: format!("{by}{through}"),
            tried: token
                .values()
                .filter_map(|value| RejectedUseView::of(value, value.ends_at.unwrap_or(*at)))
                .collect(),
        })
    }
}
