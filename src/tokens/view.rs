//! View models of tokens. The logic of the lists belongs here, not in the templates.

use std::time::Duration;

use crate::base::clock::Timestamp;
use crate::base::random;
use crate::tokens::day_counts::strip;
use crate::tokens::expiry::EXPIRING_SOON;
use crate::tokens::model::{DeletionSource, IdempotencyKey, LastUse, StoredValue, Token, Tombstone};
use crate::usage::day_store::UsageDay;
use crate::web::chart::Strip;
pub(crate) use crate::web::time_view::TimeView;

/// Time without any use from which a token is shown as unused.
pub(crate) const STALE: Duration = Duration::from_hours(30 * 24);

/// Time after its last use in which a value counts as in use: ending it needs a confirmation.
const IN_USE: Duration = Duration::from_hours(24);

/// Time without a use after which the old value of a rotation is probably not needed any more.
pub(crate) const QUIET: Duration = Duration::from_hours(1);

/// Returns whether the current value is 30 days old or more, and no value of the token was used in that time.
pub(crate) fn is_stale(token: &Token, now: Timestamp) -> bool {
    let uses = token.values().filter_map(|value| value.last_use.as_ref()).map(|last| last.at);
    uses.chain([token.current.created_at]).all(|at| now.since(at) >= STALE)
}

/// A use or a rejected use, for a page.
pub(crate) struct UsageView {
    pub at: TimeView,
    /// The source: ` from 203.0.113.7 (curl/8.5.0)`, or empty.
    pub source: String,
}

impl UsageView {
    pub(crate) fn new(last: &LastUse) -> Self {
        let from = last.ip.as_ref().map_or_else(String::new, |ip| format!(" from {ip}"));
        let by = last.agent.as_ref().map_or_else(String::new, |agent| format!(" ({})", short_agent(agent)));
        Self { at: TimeView::new(last.at), source: format!("{from}{by}") }
    }
}

/// The first word of a user agent, which names the program: `python-requests/2.32`.
fn short_agent(agent: &str) -> String {
    agent.split_whitespace().next().unwrap_or_default().chars().take(40).collect()
}

/// The name of the program in a user agent: `python-requests`.
pub(crate) fn program(agent: &str) -> String {
    short_agent(agent).split('/').next().unwrap_or_default().to_owned()
}

/// Expiry of a token, for a page.
pub(crate) enum ExpiryView {
    /// No expiry.
    Never,
    /// In more than [`EXPIRING_SOON`].
    Later(TimeView),
    /// Within [`EXPIRING_SOON`].
    Soon(TimeView),
    Past(TimeView),
}

impl ExpiryView {
    fn new(ends_at: Option<Timestamp>, now: Timestamp) -> Self {
        match ends_at {
            None => Self::Never,
            Some(at) if at <= now => Self::Past(TimeView::end(at)),
            Some(at) if at <= now + EXPIRING_SOON => Self::Soon(TimeView::end(at)),
            Some(at) => Self::Later(TimeView::end(at)),
        }
    }
}

/// Status of the replacement of a value.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, one condition of the template each")]
pub(crate) struct RotationStatus {
    /// The last use of the new value.
    pub new_used: Option<UsageView>,
    /// The last characters of the old value.
    pub old_hint: String,
    /// The last use of the old value.
    pub old_used: Option<UsageView>,
    /// The end of the old value.
    pub stops: TimeView,
    /// The old value still works.
    pub is_old_active: bool,
    /// The old value was used after the creation of the new one, so an integration still needs it.
    pub is_needed: bool,
    /// The end of the old value needs a confirmation: it was used since the creation of the new one, or in the last 24 hours.
    pub needs_confirmation: bool,
    /// The new value was used, and the old one was not used for an hour.
    pub is_ready: bool,
}

impl RotationStatus {
    fn new(new: &StoredValue, old: &StoredValue, now: Timestamp) -> Self {
        let is_needed = old.last_use.as_ref().is_some_and(|last| last.at >= new.created_at);
        Self {
            new_used: new.last_use.as_ref().map(UsageView::new),
            old_hint: old.hint.clone(),
            old_used: old.last_use.as_ref().map(UsageView::new),
            stops: TimeView::end(old.ends_at.unwrap_or(new.created_at)),
            is_old_active: old.is_active_at(now),
            is_needed,
            needs_confirmation: is_needed || old.was_used_within(IN_USE, now),
            is_ready: new.last_use.is_some() && !old.was_used_within(QUIET, now),
        }
    }
}

/// Rejected uses of an ended value.
pub(crate) struct RejectedUseView {
    /// The last characters of the value.
    pub hint: String,
    /// The end of the value.
    pub stopped: TimeView,
    /// Number of rejected uses: `once`, `14 times`.
    pub times: String,
    pub last: UsageView,
}

impl RejectedUseView {
    fn new(value: &StoredValue, stopped: Timestamp) -> Option<Self> {
        let last = value.last_rejected_use.as_ref()?;
        Some(Self {
            hint: value.hint.clone(),
            stopped: TimeView::new(stopped),
            times: if value.rejected_uses == 1 { "once".to_owned() } else { format!("{} times", value.rejected_uses) },
            last: UsageView::new(last),
        })
    }
}

/// A token, for a list.
pub(crate) struct TokenView {
    pub uuid: String,
    pub name: String,
    pub note: Option<String>,
    /// The last characters of the current value.
    pub hint: String,
    /// The creation day.
    pub created: TimeView,
    /// The last use of the current value.
    pub last_use: Option<UsageView>,
    /// The last use of the earlier values, if the current one has not been used.
    pub old_last_use: Option<UsageView>,
    /// The current value is active and has not been used.
    pub awaits_first_use: bool,
    /// The current value is 30 days old or more, and no value was used in that time.
    pub is_stale: bool,
    pub expiry: ExpiryView,
    /// The calls by day, on pages that show them.
    pub strip: Option<Strip>,
    /// The rotation in progress, if any: two values are active.
    pub rotation: Option<RotationStatus>,
    /// The replacement of a value that has ended, until the first use of the new one.
    pub replacement: Option<RotationStatus>,
    /// The last use of an active value, if it was in the last 24 hours.
    pub recent_use: Option<UsageView>,
    /// Ended values with rejected uses.
    pub rejected_uses: Vec<RejectedUseView>,
    /// Base path of the token's pages.
    pub path: String,
    /// Idempotency key of the rotation form on the same page.
    pub form_key: String,
}

impl TokenView {
    /// The view of a token in the list at `tokens_path`.
    #[must_use]
    pub(crate) fn new(token: &Token, tokens_path: &str, now: Timestamp) -> Self {
        let last_use = token.current.last_use.as_ref();
        let old_last_use = token.previous.iter().filter_map(|value| value.last_use.as_ref()).max_by_key(|last| last.at);
        let is_stale = is_stale(token, now);
        Self {
            uuid: token.uuid.to_string(),
            name: token.name.as_str().to_owned(),
            note: token.note.as_ref().map(ToString::to_string),
            hint: token.current.hint.clone(),
            created: TimeView::day(token.created_at),
            last_use: last_use.map(UsageView::new),
            old_last_use: old_last_use.filter(|_| last_use.is_none()).map(UsageView::new),
            awaits_first_use: last_use.is_none() && token.current.is_active_at(now),
            is_stale,
            expiry: ExpiryView::new(token.current.ends_at, now),
            strip: None,
            rotation: token.retiring(now).map(|old| RotationStatus::new(&token.current, old, now)),
            replacement: token
                .previous
                .first()
                .filter(|_| last_use.is_none() && !is_stale && token.current.is_active_at(now))
                .filter(|old| !old.is_active_at(now))
                .map(|old| RotationStatus::new(&token.current, old, now)),
            recent_use: token
                .values()
                .filter(|value| value.is_active_at(now) && value.was_used_within(IN_USE, now))
                .filter_map(|value| value.last_use.as_ref())
                .max_by_key(|last| last.at)
                .map(UsageView::new),
            rejected_uses: token
                .values()
                .filter_map(|value| RejectedUseView::new(value, value.ended_at(now)?))
                .collect(),
            path: format!("{tokens_path}/{}", token.uuid),
            form_key: IdempotencyKey::generate(&mut random::os_rng()).as_str().to_owned(),
        }
    }

    /// [`TokenView::new`] with the calls by day, from the rows of `load_strip_days`.
    #[must_use]
    pub(crate) fn with_strip(token: &Token, rows: &[UsageDay], tokens_path: &str, now: Timestamp) -> Self {
        Self { strip: Some(strip(token, rows, now)), ..Self::new(token, tokens_path, now) }
    }

    /// The replacement of a value that has a step left.
    pub(crate) fn replacement_steps(&self) -> Option<&RotationStatus> {
        self.rotation.as_ref().or(self.replacement.as_ref())
    }

    /// URL of the JSON usage status of the current value.
    pub(crate) fn use_path(&self) -> String {
        format!("{}/use.json?hint={}", self.path, self.hint)
    }

    /// The text in place of the last use, if the current value has not been used.
    pub(crate) fn unused_label(&self) -> &'static str {
        if self.old_last_use.is_some() { "Not used yet" } else { "Never used" }
    }
}

/// A deleted token, for a list.
pub(crate) struct DeletedTokenView {
    pub uuid: String,
    pub name: String,
    /// The last characters of the last value.
    pub hint: String,
    /// The verb: `Deleted` or `Revoked`.
    pub verb: &'static str,
    pub at: TimeView,
    /// The user or the cause, with a leading space: ` by you`.
    pub cause: String,
    /// Values with rejected uses.
    pub rejected_uses: Vec<RejectedUseView>,
}

impl DeletedTokenView {
    /// The view of a deleted token for its owner, whose email address is `owner`, or for an administrator, who has none;
    /// `None` if the token is not deleted.
    #[must_use]
    pub(crate) fn new(token: &Token, owner: Option<&str>) -> Option<Self> {
        let Tombstone { at, by, via } = token.deleted.as_ref()?;
        let is_own = owner.is_some();
        let cause = match via {
            DeletionSource::Page if !is_own => " by the owner".to_owned(),
            DeletionSource::Page => " by you".to_owned(),
            DeletionSource::CommandLine => " by the server administrator".to_owned(),
            DeletionSource::Api => " through the API, using the token itself".to_owned(),
            DeletionSource::Removal if !is_own => " when the membership ended".to_owned(),
            DeletionSource::Removal => " when your membership ended".to_owned(),
            DeletionSource::Demotion if !is_own => " because the owner became an Agent".to_owned(),
            DeletionSource::Demotion => " because you became an Agent".to_owned(),
            DeletionSource::Administrator => match by {
                Some(by) if Some(by.as_str()) == owner => " by you".to_owned(),
                Some(by) => format!(" by {by}, an administrator"),
                None => " by an administrator".to_owned(),
            },
        };
        Some(Self {
            uuid: token.uuid.to_string(),
            name: token.name.as_str().to_owned(),
            hint: token.current.hint.clone(),
            verb: if *via == DeletionSource::Administrator { "Revoked" } else { "Deleted" },
            at: TimeView::new(*at),
            cause,
            rejected_uses: token
                .values()
                .filter_map(|value| RejectedUseView::new(value, value.ends_at.unwrap_or(*at)))
                .collect(),
        })
    }
}
