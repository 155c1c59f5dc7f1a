//! What needs attention. For a token's owner: tokens that expire soon, ended values that are still tried, rotations that wait for
//! their last step, and tokens that nothing uses. For an administrator: how many tokens of the workspace expire soon, have
//! expired, or are not used.

use std::time::Duration;

use strum::VariantArray;

use crate::base::clock::Timestamp;
use crate::db::ids::{MembershipId, WorkspaceId};
use crate::db::list_conditions::Count;
use crate::db::{DbConnection, DbError};
use crate::tokens::delete::TOMBSTONE_RETENTION;
use crate::tokens::expiry::EXPIRING_SOON;
use crate::tokens::filter::TokenFilter;
use crate::tokens::filter_store;
use crate::tokens::model::{LastUse, StoredValue, Token};
use crate::tokens::store;
use crate::tokens::view::{QUIET, is_stale};

/// Time after the last rejected use of a value during which it counts as still tried.
const TRIED_RECENTLY: Duration = Duration::from_hours(7 * 24);

/// Something that needs attention. A token that is not deleted has at most one of the first four.
#[derive(Debug)]
pub(crate) enum Attention<'a> {
    Expired(&'a Token, Timestamp),
    ExpiresSoon(&'a Token, Timestamp),
    /// The new value was used, and the old one is quiet.
    RotationWaits(&'a Token),
    Unused(&'a Token),
    /// Something tried a value after its end: of a deleted token, or one that was replaced.
    EndedValueTried(&'a Token, &'a StoredValue, &'a LastUse),
}

/// The tokens of a membership and its recently deleted ones, which decide what needs attention.
pub(crate) fn load(
    conn: &mut DbConnection,
    membership: MembershipId,
    now: Timestamp,
) -> Result<(Vec<Token>, Vec<Token>), DbError> {
    let active = store::list_active(conn, membership)?;
    Ok((active, store::list_deleted(conn, membership, now - TOMBSTONE_RETENTION)?))
}

/// Returns whether anything needs the attention of the member, for the menu of every page.
pub(crate) fn is_needed(conn: &mut DbConnection, membership: MembershipId, now: Timestamp) -> Result<bool, DbError> {
    let (active, deleted) = load(conn, membership, now)?;
    Ok(list(&active, &deleted, now).next().is_some())
}

/// What an administrator's attention is drawn to in the whole workspace.
#[derive(Debug, Clone, Copy, VariantArray)]
pub(crate) enum AttentionKind {
    Expired,
    ExpiresSoon,
    Unused,
}

impl AttentionKind {
    /// The filter that lists the tokens.
    pub(crate) fn filter(self) -> TokenFilter {
        match self {
            Self::Expired => TokenFilter::Expired,
            Self::ExpiresSoon => TokenFilter::Expiring,
            Self::Unused => TokenFilter::Unused,
        }
    }

    fn is_about(self, token: &Token, now: Timestamp) -> bool {
        match self {
            Self::Expired => token.current.ended_at(now).is_some(),
            Self::ExpiresSoon => expires_soon(token, now),
            Self::Unused => is_stale(token, now),
        }
    }
}

/// Counts the tokens of a workspace that need attention. Leaves out what is about the administrator's `own` tokens alone.
pub(crate) fn count_in_workspace(
    conn: &mut DbConnection,
    workspace: WorkspaceId,
    own: &[Token],
    now: Timestamp,
) -> Result<Vec<(AttentionKind, Count)>, DbError> {
    let filters: Vec<_> = AttentionKind::VARIANTS.iter().map(|kind| Some(kind.filter())).collect();
    let counts = filter_store::count(conn, workspace, &filters, now)?;
    let has_others = |(kind, count): &(AttentionKind, Count)| {
        count.rows > own.iter().filter(|token| kind.is_about(token, now)).count()
    };
    Ok(AttentionKind::VARIANTS.iter().copied().zip(counts).filter(has_others).collect())
}

/// Lists what needs attention, in the order of the tokens.
pub(crate) fn list<'a>(
    active: &'a [Token],
    deleted: &'a [Token],
    now: Timestamp,
) -> impl Iterator<Item = Attention<'a>> {
    let own = active.iter().filter_map(move |token| of_token(token, now));
    let tried = active.iter().chain(deleted).filter_map(move |token| ended_value_tried(token, now));
    own.chain(tried)
}

fn of_token(token: &Token, now: Timestamp) -> Option<Attention<'_>> {
    let current = &token.current;
    match current.ends_at {
        Some(at) if at <= now => return Some(Attention::Expired(token, at)),
        Some(at) if expires_soon(token, now) => return Some(Attention::ExpiresSoon(token, at)),
        Some(_) | None => {}
    }
    if let Some(old) = token.retiring(now) {
        let is_ready = current.last_use.is_some() && !old.was_used_within(QUIET, now);
        return is_ready.then_some(Attention::RotationWaits(token));
    }
    is_stale(token, now).then_some(Attention::Unused(token))
}

fn expires_soon(token: &Token, now: Timestamp) -> bool {
    token.current.ends_at.is_some_and(|at| now < at && at <= now + EXPIRING_SOON)
}

/// The value of a deleted token, or a replaced value, that was tried most recently.
fn ended_value_tried(token: &Token, now: Timestamp) -> Option<Attention<'_>> {
    let is_ended = |value: &StoredValue| {
        token.deleted.is_some() || (value.key != token.current.key && value.ended_at(now).is_some())
    };
    let tries = token.values().filter(|value| is_ended(value)).filter_map(|value| {
        let last = value.last_rejected_use.as_ref()?;
        (now.since(last.at) < TRIED_RECENTLY).then_some((value, last))
    });
    let (value, last) = tries.max_by_key(|(_, last)| last.at)?;
    Some(Attention::EndedValueTried(token, value, last))
}
