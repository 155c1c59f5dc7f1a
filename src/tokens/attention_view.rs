//! The strip of what needs attention, for the pages of tokens.

use std::time::Duration;

use crate::base::clock::Timestamp;
use crate::db::list_conditions::Count;
use crate::tokens::attention::{self, Attention, AttentionKind};
use crate::tokens::expiry::EXPIRING_SOON;
use crate::tokens::model::Token;
use crate::tokens::view::STALE;
use crate::web::list::format_count;
use crate::web::time_view::TimeView;

/// The number of deleted tokens that the list of tokens shows, the latest ones.
pub(crate) const DELETED_SHOWN: usize = 10;

/// A line of the strip: what is the matter, and a link to the remedy.
pub(crate) struct AttentionView {
    /// The name of the token.
    pub name: String,
    /// The text after the name: ` expires`.
    pub text: String,
    /// The time after the text.
    pub at: Option<AttentionTime>,
    /// The path of the remedy.
    pub path: String,
    /// The label of the link.
    pub action: &'static str,
    /// The label of the link for screen readers.
    pub label: String,
}

/// A time in the strip.
pub(crate) enum AttentionTime {
    /// An expiry: shown as a date.
    Expiry(TimeView),
    /// A use: shown relative to now.
    Use(TimeView),
}

impl AttentionView {
    /// The lines for a member whose tokens are at `tokens_path`.
    #[must_use]
    pub(crate) fn list(active: &[Token], deleted: &[Token], tokens_path: &str, now: Timestamp) -> Vec<Self> {
        let shown = &deleted[..deleted.len().min(DELETED_SHOWN)];
        attention::list(active, deleted, now).map(|it| Self::new(&it, shown, tokens_path)).collect()
    }

    fn new(attention: &Attention<'_>, shown: &[Token], tokens_path: &str) -> Self {
        let (token, text, at, page, action) = match *attention {
            Attention::Expired(token, at) => {
                (token, " expired".to_owned(), Some(AttentionTime::Expiry(TimeView::end(at))), "rotate", "Rotate")
            }
            Attention::ExpiresSoon(token, at) => {
                (token, " expires".to_owned(), Some(AttentionTime::Expiry(TimeView::end(at))), "rotate", "Rotate")
            }
            Attention::RotationWaits(token) => (
                token,
                ": the new value works, and the old one is no longer used".to_owned(),
                None,
                "retire",
                "Stop old value",
            ),
            Attention::Unused(token) => (token, " has not been used for 30 days".to_owned(), None, "delete", "Delete"),
            Attention::EndedValueTried(token, value, last) => {
                let kind = if token.deleted.is_some() { " was deleted, but its value" } else { ": the stopped value" };
                let from = last.ip.as_ref().map_or_else(String::new, |ip| format!(" from {ip}"));
                let text = format!("{kind} rpat…{} is still tried{from}, last", value.hint);
                (token, text, Some(AttentionTime::Use(TimeView::new(last.at))), "", "See")
            }
        };
        let name = token.name.as_str().to_owned();
        let path = match page {
            "" if shown.iter().any(|it| it.key == token.key) => format!("{tokens_path}#deleted"),
            "" if token.deleted.is_some() => format!("{tokens_path}/{}", token.uuid),
            "" => format!("{tokens_path}#tokens"),
            page => format!("{tokens_path}/{}/{page}", token.uuid),
        };
        Self { label: format!("{action}: token {name}"), name, text, at, path, action }
    }
}

/// A line of the strip about the whole workspace, for administrators.
pub(crate) struct WorkspaceAttention {
    /// The number of tokens and what is the matter: `4 tokens expire within 14 days`.
    pub text: String,
    /// The path of the filtered list.
    pub path: String,
}

impl WorkspaceAttention {
    /// The lines for an administrator, from [`attention::count_in_workspace`].
    pub(crate) fn list(counts: &[(AttentionKind, Count)], members_path: &str) -> Vec<Self> {
        counts.iter().map(|(kind, count)| Self::new(*kind, *count, members_path)).collect()
    }

    fn new(kind: AttentionKind, count: Count, members_path: &str) -> Self {
        let (subject, has, expires) =
            if count.rows == 1 { ("token", "has", "expires") } else { ("tokens", "have", "expire") };
        let state = match kind {
            AttentionKind::Expired => format!("{has} expired"),
            AttentionKind::ExpiresSoon => format!("{expires} within {} days", days(EXPIRING_SOON)),
            AttentionKind::Unused => format!("{has} not been used for {} days", days(STALE)),
        };
        let text = format!("{} {subject} {state}", format_count(count));
        Self { text, path: format!("{members_path}/tokens?filter={}", kind.filter().as_str()) }
    }
}

fn days(period: Duration) -> u64 {
    period.as_secs() / 86_400
}
