//! Queries of tokens. Queries start at the owner's membership or workspace, so that no caller reads another owner's
//! token.

use diesel::prelude::*;

use crate::accounts::model::{EmailAddress, User};
use crate::accounts::store::{USER, UserRow};
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::db::ids::{MembershipId, TokenId, ValueId, WorkspaceId};
use crate::db::schema::{memberships, token_values, tokens, users, value_uses, workspaces};
use crate::db::{DbConnection, DbError};
use crate::tokens::model::{
    Deletion, DeletionSource, EndReason, IdempotencyKey, LastUse, NewToken, Rotation, StoredValue, Token, TokenName,
    TokenOwner, Tombstone,
};
use crate::workspaces::model::{Slug, Workspace};

crate::text_column!(EndReason, DeletionSource);

crate::columns! {
    /// The columns of a token and one of its values, in the order of [`TokenRow`].
    TOKEN: TokenColumns = (
        (tokens::id, tokens::uuid, tokens::name, tokens::created_at),
        (tokens::deleted_at, tokens::deleted_by, tokens::deleted_via),
        (token_values::id, token_values::hint, token_values::created_at, token_values::ends_at),
        (value_uses::first_used_at, value_uses::last_used_at, value_uses::last_used_ip, value_uses::last_used_agent),
        (value_uses::tries_after_end, value_uses::last_try_at, value_uses::last_try_ip, value_uses::last_try_agent),
    )
}

type TokenRow = (
    (i64, PublicId, TokenName, Timestamp),
    (Option<Timestamp>, Option<String>, Option<DeletionSource>),
    (i64, String, Timestamp, Option<Timestamp>),
    (Option<Timestamp>, Option<Timestamp>, Option<String>, Option<String>),
    (i64, Option<Timestamp>, Option<String>, Option<String>),
);

impl From<TokenRow> for Token {
    fn from((token, deleted, value, used, tried): TokenRow) -> Self {
        let (key, uuid, name, created_at) = token;
        let (deleted_at, by, via) = deleted;
        let (value_key, hint, value_created_at, ends_at) = value;
        let (first_used_at, used_at, used_ip, used_agent) = used;
        let (count, tried_at, tried_ip, tried_agent) = tried;
        let current = StoredValue {
            key: ValueId(value_key),
            hint,
            created_at: value_created_at,
            ends_at,
            first_used_at,
            last_use: used_at.map(|at| LastUse { at, ip: used_ip, agent: used_agent }),
            rejected_uses: count,
            last_rejected_use: tried_at.map(|at| LastUse { at, ip: tried_ip, agent: tried_agent }),
        };
        let deleted = deleted_at.map(|at| Tombstone { at, by, via: via.unwrap_or(DeletionSource::Page) });
        Self { key: TokenId(key), uuid, name, created_at, current, previous: Vec::new(), deleted }
    }
}

/// Groups the values of each token. Rows must be sorted by token, then by descending generation: the first value is the
/// current one.
fn group_values(rows: Vec<TokenRow>) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    for next in rows.into_iter().map(Token::from) {
        match tokens.last_mut() {
            Some(token) if token.key == next.key => token.previous.push(next.current),
            _ => tokens.push(next),
        }
    }
    tokens
}

/// The tokens of a membership that are not deleted, in order of creation.
pub fn list_active(conn: &mut DbConnection, membership: MembershipId) -> Result<Vec<Token>, DbError> {
    let rows = tokens::table
        .inner_join(token_values::table.inner_join(value_uses::table))
        .filter(tokens::membership_id.eq(membership.0))
        .filter(tokens::deleted_at.is_null())
        .order((tokens::created_at, tokens::id, token_values::generation.desc()))
        .select(TOKEN)
        .load::<TokenRow>(conn)?;
    Ok(group_values(rows))
}

/// A token of the membership that is not deleted.
pub fn find(conn: &mut DbConnection, membership: MembershipId, uuid: &PublicId) -> Result<Option<Token>, DbError> {
    let rows = tokens::table
        .inner_join(token_values::table.inner_join(value_uses::table))
        .filter(tokens::membership_id.eq(membership.0))
        .filter(tokens::uuid.eq(uuid.as_str()))
        .filter(tokens::deleted_at.is_null())
        .order(token_values::generation.desc())
        .select(TOKEN)
        .load::<TokenRow>(conn)?;
    Ok(group_values(rows).pop())
}

/// The creation time of an active value. Its row exists: an active value is never purged.
pub fn value_created_at(conn: &mut DbConnection, value: ValueId) -> Result<Timestamp, DbError> {
    let query = token_values::table.filter(token_values::id.eq(value.0)).select(token_values::created_at);
    Ok(query.get_result(conn)?)
}

/// Maximum number of rows in a list of deleted tokens. A token has one row per value.
const TOMBSTONES_MAX: i64 = 100;

/// The tokens of a membership that were deleted after `since`, latest first.
pub fn list_deleted(
    conn: &mut DbConnection,
    membership: MembershipId,
    since: Timestamp,
) -> Result<Vec<Token>, DbError> {
    let rows = tokens::table
        .inner_join(token_values::table.inner_join(value_uses::table))
        .filter(tokens::membership_id.eq(membership.0))
        .filter(tokens::deleted_at.gt(since.micros()))
        .order((tokens::deleted_at.desc(), tokens::id.desc(), token_values::generation.desc()))
        .limit(TOMBSTONES_MAX)
        .select(TOKEN)
        .load::<TokenRow>(conn)?;
    Ok(group_values(rows))
}

/// Removes tokens deleted and values replaced before `before`. Returns the number of removed tokens.
pub(crate) fn purge(conn: &mut DbConnection, before: Timestamp) -> Result<usize, DbError> {
    let deleted = || tokens::table.filter(tokens::deleted_at.lt(before.micros()));
    let replaced = token_values::end_reason.eq_any([EndReason::Retired.as_str(), EndReason::Exposed.as_str()]);
    let old = token_values::table.filter(token_values::ends_at.lt(before.micros())).filter(replaced);
    diesel::delete(old).execute(conn)?;
    diesel::delete(token_values::table.filter(token_values::token_id.eq_any(deleted().select(tokens::id))))
        .execute(conn)?;
    Ok(diesel::delete(deleted()).execute(conn)?)
}

/// The used slots with the keys of their tokens' names.
pub(crate) fn slots_and_names(
    conn: &mut DbConnection,
    membership: MembershipId,
) -> Result<Vec<(i16, String)>, DbError> {
    Ok(tokens::table
        .filter(tokens::membership_id.eq(membership.0))
        .filter(tokens::deleted_at.is_null())
        .select((tokens::slot, tokens::name_key))
        .load(conn)?)
}

/// The token for which a form created a value, with its membership.
pub(crate) fn find_by_idempotency_key(
    conn: &mut DbConnection,
    form_key: &IdempotencyKey,
) -> Result<Option<(MembershipId, PublicId, TokenName)>, DbError> {
    let row = token_values::table
        .inner_join(tokens::table)
        .filter(token_values::form_key.eq(form_key.as_str()))
        .select((tokens::membership_id, tokens::uuid, tokens::name))
        .get_result::<(i64, PublicId, TokenName)>(conn)
        .optional()?;
    Ok(row.map(|(membership, uuid, name)| (MembershipId(membership), uuid, name)))
}

pub(crate) fn insert_token(
    conn: &mut DbConnection,
    membership: MembershipId,
    slot: i16,
    new: &NewToken,
) -> Result<(), DbError> {
    let token = diesel::insert_into(tokens::table)
        .values((
            tokens::uuid.eq(new.uuid.as_str()),
            tokens::membership_id.eq(membership.0),
            tokens::slot.eq(slot),
            tokens::name.eq(new.name.as_str()),
            tokens::name_key.eq(new.name.case_folded()),
            tokens::created_at.eq(new.at.micros()),
        ))
        .returning(tokens::id)
        .get_result::<i64>(conn)?;
    let value = diesel::insert_into(token_values::table)
        .values((
            token_values::token_id.eq(token),
            token_values::generation.eq(1),
            token_values::digest.eq(new.digest.as_bytes().as_slice()),
            token_values::form_key.eq(new.form_key.as_ref().map(IdempotencyKey::as_str)),
            token_values::hint.eq(&new.hint),
            token_values::created_at.eq(new.at.micros()),
            token_values::ends_at.eq(new.expiry.ends_at(new.at).map(Timestamp::micros)),
        ))
        .returning(token_values::id)
        .get_result::<i64>(conn)?;
    insert_usage_row(conn, value)
}

/// Adds the value that becomes the current one of a token.
pub(crate) fn insert_next_value(
    conn: &mut DbConnection,
    token: &Token,
    rotation: &Rotation,
    expiry: Option<Timestamp>,
) -> Result<(), DbError> {
    let generation = token_values::table
        .filter(token_values::id.eq(token.current.key.0))
        .select(token_values::generation)
        .get_result::<i64>(conn)?;
    let value = diesel::insert_into(token_values::table)
        .values((
            token_values::token_id.eq(token.key.0),
            token_values::generation.eq(generation + 1),
            token_values::digest.eq(rotation.digest.as_bytes().as_slice()),
            token_values::form_key.eq(rotation.form_key.as_ref().map(IdempotencyKey::as_str)),
            token_values::hint.eq(&rotation.hint),
            token_values::created_at.eq(rotation.at.micros()),
            token_values::ends_at.eq(expiry.map(Timestamp::micros)),
        ))
        .returning(token_values::id)
        .get_result::<i64>(conn)?;
    insert_usage_row(conn, value)
}

/// Inserts the usage row of a new value. Later uses only update it.
fn insert_usage_row(conn: &mut DbConnection, value: i64) -> Result<(), DbError> {
    diesel::insert_into(value_uses::table).values(value_uses::value_id.eq(value)).execute(conn)?;
    Ok(())
}

/// Sets the end of a value.
pub(crate) fn set_value_end(
    conn: &mut DbConnection,
    value: ValueId,
    at: Timestamp,
    reason: EndReason,
) -> Result<(), DbError> {
    diesel::update(token_values::table.filter(token_values::id.eq(value.0)))
        .set((token_values::ends_at.eq(at.micros()), token_values::end_reason.eq(reason.as_str())))
        .execute(conn)?;
    Ok(())
}

pub(crate) fn rename_token(conn: &mut DbConnection, token: TokenId, name: &TokenName) -> Result<(), DbError> {
    diesel::update(tokens::table.filter(tokens::id.eq(token.0)))
        .set((tokens::name.eq(name.as_str()), tokens::name_key.eq(name.case_folded())))
        .execute(conn)?;
    Ok(())
}

/// A token of the membership, deleted or not: its key, its name and its deletion time.
pub(crate) fn find_with_deleted(
    conn: &mut DbConnection,
    membership: MembershipId,
    uuid: &PublicId,
) -> Result<Option<(TokenId, TokenName, Option<Timestamp>)>, DbError> {
    let row = tokens::table
        .filter(tokens::membership_id.eq(membership.0))
        .filter(tokens::uuid.eq(uuid.as_str()))
        .select((tokens::id, tokens::name, tokens::deleted_at))
        .get_result::<(i64, TokenName, Option<Timestamp>)>(conn)
        .optional()?;
    Ok(row.map(|(key, name, deleted_at)| (TokenId(key), name, deleted_at)))
}

pub(crate) fn delete_token(conn: &mut DbConnection, token: TokenId, deletion: &Deletion) -> Result<(), DbError> {
    let at = deletion.at.micros();
    diesel::update(tokens::table.filter(tokens::id.eq(token.0)))
        .set((
            tokens::deleted_at.eq(at),
            tokens::deleted_by.eq(deletion.by.as_ref().map(|(_, email)| email)),
            tokens::deleted_via.eq(deletion.via.as_str()),
        ))
        .execute(conn)?;
    let active = token_values::table
        .filter(token_values::token_id.eq(token.0))
        .filter(token_values::ends_at.is_null().or(token_values::ends_at.gt(at)));
    diesel::update(active)
        .set((token_values::ends_at.eq(at), token_values::end_reason.eq(EndReason::Deleted.as_str())))
        .execute(conn)?;
    Ok(())
}

/// The owner of any token, for the command line only.
pub fn find_owner(conn: &mut DbConnection, uuid: &PublicId) -> Result<Option<TokenOwner>, DbError> {
    let row = tokens::table
        .inner_join(memberships::table.inner_join(users::table).inner_join(workspaces::table))
        .filter(tokens::uuid.eq(uuid.as_str()))
        .select((tokens::membership_id, USER, workspaces::uuid))
        .get_result::<(i64, UserRow, PublicId)>(conn)
        .optional()?;
    Ok(row
        .map(|(membership, user, workspace)| TokenOwner::new(MembershipId(membership), &User::from(user), &workspace)))
}

/// The owner of a token of a workspace, deleted or not.
pub fn find_owner_in_workspace(
    conn: &mut DbConnection,
    workspace: &Workspace,
    uuid: &PublicId,
) -> Result<Option<TokenOwner>, DbError> {
    let row = tokens::table
        .inner_join(memberships::table.inner_join(users::table))
        .filter(memberships::workspace_id.eq(workspace.key.0))
        .filter(tokens::uuid.eq(uuid.as_str()))
        .select((tokens::membership_id, USER))
        .get_result::<(i64, UserRow)>(conn)
        .optional()?;
    Ok(row.map(|(membership, user)| TokenOwner::new(MembershipId(membership), &User::from(user), &workspace.uuid)))
}

/// The tokens of a workspace that are not deleted, with their owners, sorted by the owners' email addresses.
pub fn list_by_workspace(conn: &mut DbConnection, workspace: WorkspaceId) -> Result<Vec<(Token, User)>, DbError> {
    let rows = tokens::table
        .inner_join(token_values::table.inner_join(value_uses::table))
        .inner_join(memberships::table.inner_join(users::table))
        .filter(memberships::workspace_id.eq(workspace.0))
        .filter(tokens::deleted_at.is_null())
        .order((users::email_key, tokens::created_at, tokens::id, token_values::generation.desc()))
        .select((TOKEN, USER))
        .load::<(TokenRow, UserRow)>(conn)?;
    Ok(group_values_with_owners(rows))
}

/// A token of a workspace that is not deleted, with its owner.
pub fn find_in_workspace(
    conn: &mut DbConnection,
    workspace: WorkspaceId,
    uuid: &PublicId,
) -> Result<Option<(Token, User)>, DbError> {
    let rows = tokens::table
        .inner_join(token_values::table.inner_join(value_uses::table))
        .inner_join(memberships::table.inner_join(users::table))
        .filter(memberships::workspace_id.eq(workspace.0))
        .filter(tokens::uuid.eq(uuid.as_str()))
        .filter(tokens::deleted_at.is_null())
        .order(token_values::generation.desc())
        .select((TOKEN, USER))
        .load::<(TokenRow, UserRow)>(conn)?;
    Ok(group_values_with_owners(rows).pop())
}

fn group_values_with_owners(rows: Vec<(TokenRow, UserRow)>) -> Vec<(Token, User)> {
    let (tokens, mut owners): (Vec<TokenRow>, Vec<(i64, UserRow)>) = rows
        .into_iter()
        .map(|(token, user)| (token.0.0, token, user))
        .map(|(key, token, user)| (token, (key, user)))
        .unzip();
    owners.dedup_by_key(|(token, _)| *token);
    group_values(tokens).into_iter().zip(owners.into_iter().map(|(_, user)| user.into())).collect()
}

/// The member with this email address in the workspace with this slug, for the command line.
pub fn find_owner_by_email(
    conn: &mut DbConnection,
    slug: &Slug,
    email: &EmailAddress,
) -> Result<Option<TokenOwner>, DbError> {
    let row = memberships::table
        .inner_join(users::table)
        .inner_join(workspaces::table)
        .filter(memberships::removed_at.is_null())
        .filter(workspaces::slug.eq(slug.as_str()))
        .filter(users::email_key.eq(email.key()))
        .select((memberships::id, USER, workspaces::uuid))
        .get_result::<(i64, UserRow, PublicId)>(conn)
        .optional()?;
    Ok(row
        .map(|(membership, user, workspace)| TokenOwner::new(MembershipId(membership), &User::from(user), &workspace)))
}
