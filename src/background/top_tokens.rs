//! Counts the calls of all tokens, in short steps, and stores the top tokens of each workspace.

use std::time::Duration;

use actix_web::rt;

use crate::base::clock::Timestamp;
use crate::base::day::Day;
use crate::db::ids::{TokenId, WorkspaceId};
use crate::db::{Db, DbError};
use crate::usage::top_token_store as store;
use crate::usage::top_tokens::{TokenCalls, TopTokens};

/// Pause after each step, so that requests get CPU time and connections.
const PAUSE: Duration = Duration::from_millis(50);

/// Number of workspaces in one transaction, each with up to ten rows.
const WORKSPACES_PER_TRANSACTION: usize = 200;

/// Counts the calls up to `now`. An error leaves some workspaces as they were counted before.
pub(super) async fn count(db: &Db, now: Timestamp) -> Result<(), DbError> {
    let today = Day::containing(now);
    let mut top = TopTokens::default();
    let mut after = TokenId(0);
    loop {
        let step = db.read(move |conn| store::count_after(conn, after, today)).await?;
        for (workspace, token) in step.tokens {
            top.add(workspace, token);
        }
        let Some(last) = step.last else { break };
        after = last;
        rt::time::sleep(PAUSE).await;
    }
    let mut after = WorkspaceId(0);
    let workspaces = top.into_workspaces();
    let mut parts: Vec<&[(WorkspaceId, Vec<TokenCalls>)]> = workspaces.chunks(WORKSPACES_PER_TRANSACTION).collect();
    if parts.is_empty() {
        parts.push(&[]);
    }
    let count = parts.len();
    for (nth, part) in parts.into_iter().enumerate() {
        // The last part has all further workspaces: their tokens have no calls any more.
        let last = part.last().filter(|_| nth + 1 < count).map_or(WorkspaceId(i64::MAX), |(workspace, _)| *workspace);
        let part = part.to_vec();
        db.write(move |conn| store::replace(conn, after, last, &part, now)).await?;
        after = last;
        rt::time::sleep(PAUSE).await;
    }
    Ok(())
}
