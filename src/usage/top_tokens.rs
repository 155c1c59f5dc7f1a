//! The selection of the tokens with the most calls and with the most rejected calls of each workspace. No queries.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::db::ids::{TokenId, WorkspaceId};

/// Number of days whose calls are counted, up to and including the current one.
pub(crate) const TOP_DAYS: u16 = 30;

/// Number of tokens of a workspace with the most calls, and of those with the most rejected calls.
pub(crate) const TOP_COUNT: usize = 5;

/// The calls of a token in [`TOP_DAYS`] days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TokenCalls {
    pub token: TokenId,
    pub calls: i64,
    /// Calls that were rejected because their value had ended.
    pub rejected: i64,
}

/// The top tokens of the workspaces whose tokens were added.
#[derive(Debug, Default)]
pub(crate) struct TopTokens(BTreeMap<WorkspaceId, Vec<TokenCalls>>);

impl TopTokens {
    /// Adds a token. It must not be added twice.
    pub(crate) fn add(&mut self, workspace: WorkspaceId, token: TokenCalls) {
        let known = self.0.entry(workspace).or_default();
        known.push(token);
        // A token in neither list can't return to one.
        let kept: Vec<TokenCalls> = [busiest(known), most_rejected(known)].concat();
        known.retain(|token| kept.contains(token));
    }

    /// Returns the workspaces in the order of their keys, each with its tokens.
    pub(crate) fn into_workspaces(self) -> Vec<(WorkspaceId, Vec<TokenCalls>)> {
        self.0.into_iter().collect()
    }
}

/// Returns the tokens with the most calls, the busiest first.
pub(crate) fn busiest(tokens: &[TokenCalls]) -> Vec<TokenCalls> {
    most(tokens, |token| token.calls)
}

/// Returns the tokens with the most rejected calls, that with the most first.
pub(crate) fn most_rejected(tokens: &[TokenCalls]) -> Vec<TokenCalls> {
    most(tokens, |token| token.rejected)
}

fn most(tokens: &[TokenCalls], count: fn(&TokenCalls) -> i64) -> Vec<TokenCalls> {
    let mut tokens: Vec<TokenCalls> = tokens.iter().filter(|token| count(token) > 0).copied().collect();
    tokens.sort_by_key(|token| (Reverse(count(token)), token.token));
    tokens.truncate(TOP_COUNT);
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_kept_tokens_are_the_top_of_all(counts in prop::collection::vec((0..9_i64, 0..9_i64), 0..60)) {
            let all: Vec<TokenCalls> =
                (1..).zip(counts).map(|(id, (calls, rejected))| TokenCalls { token: TokenId(id), calls, rejected }).collect();
            let mut top = TopTokens::default();
            for token in &all {
                top.add(WorkspaceId(1), *token);
            }
            let kept = top.into_workspaces().pop().map(|(_, tokens)| tokens).unwrap_or_default();
            prop_assert!(kept.len() <= 2 * TOP_COUNT);
            prop_assert_eq!(busiest(&kept), busiest(&all));
            prop_assert_eq!(most_rejected(&kept), most_rejected(&all));
        }
    }
}
