//! Queries of a member's tokens. Queries start at the membership, so that no caller reads another owner's token.

use diesel::prelude::*;

use crate::audit::actor::Actor;
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::base::note::Note;
use crate::db::ids::{MembershipId, TokenId, ValueId};
use crate::db::schema::{token_values, tokens, value_uses};
use crate::db::{DbConnection, DbError};
use crate::tokens::model::{
    DeletionSource, EndReason, IdempotencyKey, LastUse, NewToken, Rotation, StoredValue, Token, TokenName, Tombstone,
};

crate::impl_text_column!(EndReason, DeletionSource);

crate::impl_select! {
    /// The columns of a token and one of its values.
    TOKEN: Token {
        key: TokenId = tokens::id,
        uuid: PublicId = tokens::uuid,
        name: TokenName = tokens::name,
        created_at: Timestamp = tokens::created_at,
        note: Option<Note> = tokens::note,
        deleted_at: Option<Timestamp> = tokens::deleted_at,
        by: Option<String> = tokens::deleted_by,
        via: Option<DeletionSource> = tokens::deleted_via,
        current: StoredValue = VALUE,
    } => {
        let deleted = deleted_at.map(|at| Tombstone { at, by, via: via.unwrap_or(DeletionSource::Page) });
        Self { key, uuid, name, created_at, note, current, previous: Vec::new(), deleted }
    }
}

crate::impl_select! {
    /// The columns of a [`StoredValue`].
    VALUE: StoredValue {
        key: ValueId = token_values::id,
        hint: String = token_values::hint,
        created_at: Timestamp = token_values::created_at,
        ends_at: Option<Timestamp> = token_values::ends_at,
        end_reason: Option<EndReason> = token_values::end_reason,
        first_used_at: Option<Timestamp> = value_uses::first_used_at,
        last_used_at: Option<Timestamp> = value_uses::last_used_at,
        last_used_ip: Option<String> = value_uses::last_used_ip,
        last_used_agent: Option<String> = value_uses::last_used_agent,
        rejected_uses: i64 = value_uses::tries_after_end,
        last_rejected_at: Option<Timestamp> = value_uses::last_try_at,
        last_rejected_ip: Option<String> = value_uses::last_try_ip,
        last_rejected_agent: Option<String> = value_uses::last_try_agent,
    } => {
        let last_use = |at: Option<Timestamp>, ip, agent| at.map(|at| LastUse { at, ip, agent });
        let is_stopped = end_reason.is_some_and(EndReason::is_final);
        let last_rejected_use = last_use(last_rejected_at, last_rejected_ip, last_rejected_agent);
        let last_use = last_use(last_used_at, last_used_ip, last_used_agent);
        Self { key, hint, created_at, ends_at, is_stopped, first_used_at, last_use, rejected_uses, last_rejected_use }
    }
}

/// Groups the values of each token. Rows must be sorted by token, then by descending generation: the first value is the
/// current one.
fn group_values(rows: Vec<Token>) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    for next in rows {
        match tokens.last_mut() {
            Some(token) if token.key == next.key => token.previous.push(next.current),
            _ => tokens.push(next),
        }
    }
    tokens
}

/// The tokens of a membership that are not deleted, in order of creation.
pub(crate) fn list_active(conn: &mut DbConnection, membership: MembershipId) -> Result<Vec<Token>, DbError> {
    let rows = tokens::table
        .inner_join(token_values::table.inner_join(value_uses::table))
        .filter(tokens::membership_id.eq(membership.0))
        .filter(tokens::deleted_at.is_null())
        .order((tokens::created_at, tokens::id, token_values::generation.desc()))
        .select(TOKEN)
        .load(conn)?;
    Ok(group_values(rows))
}

/// A token of the membership that is not deleted.
pub(crate) fn find(
    conn: &mut DbConnection,
    membership: MembershipId,
    uuid: &PublicId,
) -> Result<Option<Token>, DbError> {
    let rows = tokens::table
        .inner_join(token_values::table.inner_join(value_uses::table))
        .filter(tokens::membership_id.eq(membership.0))
        .filter(tokens::uuid.eq(uuid.as_str()))
        .filter(tokens::deleted_at.is_null())
        .order(token_values::generation.desc())
        .select(TOKEN)
        .load(conn)?;
    Ok(group_values(rows).pop())
}

/// The creation time of an active value. Its row exists: an active value is never purged.
pub(crate) fn value_created_at(conn: &mut DbConnection, value: ValueId) -> Result<Timestamp, DbError> {
    let query = token_values::table.filter(token_values::id.eq(value.0)).select(token_values::created_at);
    Ok(query.get_result(conn)?)
}

/// Maximum number of rows in a list of deleted tokens. A token has one row per value.
const TOMBSTONES_MAX: i64 = 100;

/// The tokens of a membership that were deleted after `since`, latest first.
pub(crate) fn list_deleted(
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
        .load(conn)?;
    Ok(group_values(rows))
}

/// Returns whether a token of the membership was deleted, and was not purged.
pub(crate) fn has_deleted(conn: &mut DbConnection, membership: MembershipId) -> Result<bool, DbError> {
    let deleted = tokens::table.filter(tokens::membership_id.eq(membership.0)).filter(tokens::deleted_at.gt(i64::MIN));
    // The order is that of the index, which is used therefore.
    Ok(deleted.order(tokens::deleted_at).select(tokens::id).first::<i64>(conn).optional()?.is_some())
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
    Ok(token_values::table
        .inner_join(tokens::table)
        .filter(token_values::form_key.eq(form_key.as_str()))
        .select((tokens::membership_id, tokens::uuid, tokens::name))
        .get_result(conn)
        .optional()?)
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
            tokens::name_sort.eq(new.name.sort_key()),
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
    at: Timestamp,
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
            token_values::created_at.eq(at.micros()),
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
        .set((
            tokens::name.eq(name.as_str()),
            tokens::name_key.eq(name.case_folded()),
            tokens::name_sort.eq(name.sort_key()),
        ))
        .execute(conn)?;
    Ok(())
}

pub(crate) fn set_note(conn: &mut DbConnection, token: TokenId, note: Option<&Note>) -> Result<(), DbError> {
    diesel::update(tokens::table.filter(tokens::id.eq(token.0)))
        .set((
            tokens::note.eq(note.map(Note::as_str)),
            tokens::note_key.eq(note.map(Note::case_folded).unwrap_or_default()),
        ))
        .execute(conn)?;
    Ok(())
}

/// A token of the membership, deleted or not: its key, its name and its deletion time.
pub(crate) fn find_with_deleted(
    conn: &mut DbConnection,
    membership: MembershipId,
    uuid: &PublicId,
) -> Result<Option<(TokenId, TokenName, Option<Timestamp>)>, DbError> {
    Ok(tokens::table
        .filter(tokens::membership_id.eq(membership.0))
        .filter(tokens::uuid.eq(uuid.as_str()))
        .select((tokens::id, tokens::name, tokens::deleted_at))
        .get_result(conn)
        .optional()?)
}

pub(crate) fn delete_token(
    conn: &mut DbConnection,
    token: TokenId,
    via: DeletionSource,
    actor: &Actor,
) -> Result<(), DbError> {
    let at = actor.at.micros();
    diesel::update(tokens::table.filter(tokens::id.eq(token.0)))
        .set((
            tokens::deleted_at.eq(at),
            tokens::deleted_by.eq(actor.user.as_ref().map(|user| &user.email)),
            tokens::deleted_via.eq(via.as_str()),
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
