//! Token lookups by digest. They run on the hot path with cached prepared statements: measure every change.

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

/// The columns of a value, its token and its owner, in the order of [`CallerRow`].
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

#[diesel::dsl::auto_type]
fn values_with_owner() -> _ {
    token_values::table
        .inner_join(tokens::table.inner_join(memberships::table.inner_join(users::table).inner_join(workspaces::table)))
}

/// Finds the record of the value with this digest. Two queries: the first reads one index only, so that an unknown
/// value does not cost a join of five tables. `.get_result()` on the unique column, not `.first()`: with its LIMIT,
/// `SQLite` would prepare the statement again each time.
pub(crate) fn find_by_digest(conn: &mut DbConnection, digest: &ValueDigest) -> Result<Option<TokenRecord>, DbError> {
    let value_id = token_values::table.filter(token_values::digest.eq(digest.as_bytes().as_slice()));
    let value_id = value_id.select(token_values::id);
    let Some(value) = crate::on_its_own!(conn, conn => value_id.get_result::<i64>(conn)).optional()? else {
        return Ok(None);
    };
    let record = values_with_owner().filter(token_values::id.eq(value)).select(CALLER);
    let row = crate::on_its_own!(conn, conn => record.get_result::<CallerRow>(conn)).optional()?;
    Ok(row.map(TokenRecord::from))
}

/// Finds the records of the values with these digests in one query. The key of the map is the digest.
pub(crate) fn find_by_digests(
    conn: &mut DbConnection,
    digests: &[ValueDigest],
) -> Result<HashMap<Vec<u8>, Arc<TokenRecord>>, DbError> {
    if digests.is_empty() {
        return Ok(HashMap::new());
    }
    let has_digest = token_values::digest.eq_any(digests.iter().map(|digest| digest.as_bytes().as_slice()));
    let query = values_with_owner().filter(has_digest).select((token_values::digest, CALLER));
    let rows = crate::on_its_own!(conn, conn => query.load::<(Vec<u8>, CallerRow)>(conn))?;
    Ok(rows.into_iter().map(|(digest, row)| (digest, Arc::new(row.into()))).collect())
}
