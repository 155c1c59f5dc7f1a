//! The lookups of the hot path: everything behind a value, by its digest. The database keeps their
//! statements prepared, and what is changed here is measured.

use std::collections::HashMap;
use std::sync::Arc;

use diesel::prelude::*;

use crate::accounts::store::{USER, UserColumns, UserRow};
use crate::auth::caller::{Caller, TokenRecord};
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::db::ids::{MembershipId, ValueId};
use crate::db::schema::{memberships, token_values, tokens, users, workspaces};
use crate::db::{DbConnection, DbError};
use crate::tokens::model::{EndReason, TokenName};
use crate::tokens::secret::ValueDigest;
use crate::workspaces::profile::Role;
use crate::workspaces::store::{WORKSPACE, WorkspaceColumns, WorkspaceRow};

type CallerColumns = (
    (token_values::id, token_values::ends_at, token_values::end_reason),
    (tokens::uuid, tokens::name),
    (memberships::id, memberships::role, memberships::removed_at),
    UserColumns,
    WorkspaceColumns,
);

/// The columns of a value and of everything behind it, in the order of [`CallerRow`].
const CALLER: CallerColumns = (
    (token_values::id, token_values::ends_at, token_values::end_reason),
    (tokens::uuid, tokens::name),
    (memberships::id, memberships::role, memberships::removed_at),
    USER,
    WORKSPACE,
);

type CallerRow = (
    (i64, Option<Timestamp>, Option<EndReason>),
    (PublicId, TokenName),
    (i64, Role, Option<Timestamp>),
    UserRow,
    WorkspaceRow,
);

impl From<CallerRow> for TokenRecord {
    fn from((value, token, membership, user, workspace): CallerRow) -> Self {
        let (value, ends_at, end) = value;
        let (uuid, name) = token;
        let (membership, role, removed_at) = membership;
        let (value, membership) = (ValueId(value), MembershipId(membership));
        let (user, workspace) = (user.into(), Arc::new(workspace.into()));
        let caller = Caller { value, membership, uuid, name, role, user, workspace, ends_at };
        Self { end, is_member: removed_at.is_none(), caller }
    }
}

/// Everything behind values, from one join.
#[diesel::dsl::auto_type]
fn values_with_owner() -> _ {
    token_values::table
        .inner_join(tokens::table.inner_join(memberships::table.inner_join(users::table).inner_join(workspaces::table)))
}

/// Whoever holds the value with this digest. Two queries: an unknown value, which is all that an attacker sends, is told
/// by one index, without a look at the five tables behind it. `.get_result()` on the unique column, not `.first()`, whose
/// LIMIT would make `SQLite` prepare the statement anew each time.
pub(crate) fn find_by_digest(conn: &mut DbConnection, digest: &ValueDigest) -> Result<Option<TokenRecord>, DbError> {
    let known = token_values::table.filter(token_values::digest.eq(digest.as_bytes().as_slice()));
    let known = known.select(token_values::id);
    let Some(value) = crate::on_its_own!(conn, conn => known.get_result::<i64>(conn)).optional()? else {
        return Ok(None);
    };
    let behind = values_with_owner().filter(token_values::id.eq(value)).select(CALLER);
    let row = crate::on_its_own!(conn, conn => behind.get_result::<CallerRow>(conn)).optional()?;
    Ok(row.map(TokenRecord::from))
}

/// Whoever holds the values with these digests, by the digests: one query for all of them.
pub(crate) fn find_by_digests(
    conn: &mut DbConnection,
    digests: &[ValueDigest],
) -> Result<HashMap<Vec<u8>, Arc<TokenRecord>>, DbError> {
    if digests.is_empty() {
        return Ok(HashMap::new());
    }
    let any = token_values::digest.eq_any(digests.iter().map(|digest| digest.as_bytes().as_slice()));
    let query = values_with_owner().filter(any).select((token_values::digest, CALLER));
    let rows = crate::on_its_own!(conn, conn => query.load::<(Vec<u8>, CallerRow)>(conn))?;
    Ok(rows.into_iter().map(|(digest, row)| (digest, Arc::new(row.into()))).collect())
}
