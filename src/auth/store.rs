//! Token lookups by digest. They run on the hot path with cached prepared statements: measure every change.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use diesel::prelude::*;

use crate::accounts::model::User;
use crate::accounts::store::USER;
use crate::auth::caller::{Caller, TokenRecord};
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::db::ids::{MembershipId, ValueId};
use crate::db::schema::{memberships, token_values, tokens, users, workspaces};
use crate::db::{DbConnection, DbError};
use crate::tokens::model::{EndReason, TokenName};
use crate::tokens::secret::ValueDigest;
use crate::workspaces::model::{Role, Workspace};
use crate::workspaces::store::WORKSPACE;

crate::impl_select! {
    /// The columns of a value, its token and its owner.
    CALLER: TokenRecord {
        value: ValueId = token_values::id,
        ends_at: Option<Timestamp> = token_values::ends_at,
        end_reason: Option<EndReason> = token_values::end_reason,
        uuid: PublicId = tokens::uuid,
        name: TokenName = tokens::name,
        deleted_at: Option<Timestamp> = tokens::deleted_at,
        membership: MembershipId = memberships::id,
        role: Role = memberships::role,
        removed_at: Option<Timestamp> = memberships::removed_at,
        user: User = USER,
        workspace: Workspace = WORKSPACE,
    } => {
        let caller = Caller { value, membership, uuid, name, role, user, workspace: Arc::new(workspace), ends_at };
        Self { caller, end_reason, deleted_at, is_member: removed_at.is_none() }
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
    let Some(value) = crate::match_backend!(conn, conn => value_id.get_result::<i64>(conn)).optional()? else {
        return Ok(None);
    };
    let record = values_with_owner().filter(token_values::id.eq(value)).select(CALLER);
    Ok(crate::match_backend!(conn, conn => record.get_result(conn)).optional()?)
}

/// Records by the digest of their value.
pub(crate) type RecordsByDigest = HashMap<ValueDigest, Arc<TokenRecord>>;

/// Finds the records of the values with these digests. On `PostgreSQL` in one query; on `SQLite` with one prepared
/// statement for each value, because a query for a varying number of values would be prepared each time.
pub(crate) fn find_by_digests(conn: &mut DbConnection, digests: &[ValueDigest]) -> Result<RecordsByDigest, DbError> {
    if digests.is_empty() {
        return Ok(HashMap::new());
    }
    if let DbConnection::Sqlite(_) = conn {
        let mut records = HashMap::with_capacity(digests.len());
        for digest in digests {
            if let Entry::Vacant(vacant) = records.entry(*digest)
                && let Some(record) = find_by_digest(conn, digest)?
            {
                vacant.insert(Arc::new(record));
            }
        }
        return Ok(records);
    }
    let has_digest = token_values::digest.eq_any(digests.iter().map(|digest| digest.as_bytes().as_slice()));
    let query = values_with_owner().filter(has_digest).select((token_values::digest, CALLER));
    let rows = crate::match_backend!(conn, conn => query.load::<(Vec<u8>, TokenRecord)>(conn))?;
    let records = rows
        .into_iter()
        .filter_map(|(digest, record)| Some((ValueDigest::from_bytes(digest.try_into().ok()?), Arc::new(record))));
    Ok(records.collect())
}
