//! View models of tokens. The logic of the lists belongs here, not in the templates.

use std::time::Duration;

use crate::base::clock::Timestamp;
use crate::base::random;
use crate::tokens::expiry::EXPIRING_SOON;
use crate::tokens::model::{DeletionSource, IdempotencyKey, LastUse, StoredValue, Token, Tombstone};
pub use crate::web::time_view::TimeView;

/// Age from which a token without any use is shown as unused.
const STALE: Duration = Duration::from_hours(30 * 24);

/// A use or a rejected use, for a page.
pub struct UsageView {
    /// The time.
    pub at: TimeView,
    /// The source: ` from 203.0.113.7 (curl/8.5.0)`, or empty.
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

/// Expiry of a token, for a page.
pub enum ExpiryView {
    /// No expiry.
    Never,
    /// In more than [`EXPIRING_SOON`].
    Later(TimeView),
    /// Within [`EXPIRING_SOON`].
    Soon(TimeView),
    /// Expired.
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

/// Status of a rotation in progress: two values are active.
pub struct RotationStatus {
    /// The last use of the new value.
    pub new_used: Option<UsageView>,
    /// The last characters of the old value.
    pub old_hint: String,
    /// The last use of the old value.
    pub old_used: Option<UsageView>,
    /// The end of the old value.
    pub stops: TimeView,
    /// The old value was used after the creation of the new one, so an integration still needs it.
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

/// Rejected uses of an ended value.
pub struct RejectedUseView {
    /// The last characters of the value.
    pub hint: String,
    /// The end of the value.
    pub stopped: TimeView,
    /// Number of rejected uses: `once`, `14 times`.
    pub times: String,
    /// The last rejected use.
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

/// A token, for a list.
pub struct TokenView {
    /// The public identifier.
    pub uuid: String,
    /// The name.
    pub name: String,
    /// The last characters of the current value.
    pub hint: String,
    /// The creation day.
    pub created: TimeView,
    /// The last use of any value of the token.
    pub last_use: Option<UsageView>,
    /// The current value is active and has not been used.
    pub awaits_first_use: bool,
    /// No value was ever used, and the current one is 30 days old or more.
    pub is_stale: bool,
    /// The expiry.
    pub expiry: ExpiryView,
    /// The rotation in progress, if any.
    pub band: Option<RotationStatus>,
    /// Ended values with rejected uses.
    pub tried: Vec<RejectedUseView>,
    /// Base path of the token's pages.
    pub path: String,
    /// Idempotency key of the rotation form on the same page.
    pub form_key: String,
}

impl TokenView {
    /// The view of a token in the list at `tokens_path`.
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

/// A deleted token, for a list.
pub struct DeletedTokenView {
    /// The name.
    pub name: String,
    /// The last characters of the last value.
    pub hint: String,
    /// The verb: `Deleted` or `Revoked`.
    pub verb: &'static str,
    /// The deletion time.
    pub at: TimeView,
    /// The user and the source of the deletion.
    pub how: String,
    /// Values with rejected uses.
    pub tried: Vec<RejectedUseView>,
}

impl DeletedTokenView {
    /// The view of a deleted token; `None` if the token is not deleted.
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
