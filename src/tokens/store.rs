//! The queries of tokens. Lookups start at the owner's membership.

use diesel::prelude::*;

use super::uses::Use;
use super::value::ValueDigest;
use super::verify::{Caller, End, Found};
use super::{Deletion, FormKey, LastUse, NewToken, Owner, Token, TokenName, Value};
use crate::accounts::store::{USER, UserRow};
use crate::accounts::{EmailAddress, User};
use crate::kernel::clock::Timestamp;
use crate::kernel::db::schema::{memberships, token_values, tokens, users, workspaces};
use crate::kernel::db::{Conn, DbError};
use crate::kernel::id::Id;
use crate::workspaces::store::{MembershipKey, WORKSPACE, WorkspaceKey, WorkspaceRow};
use crate::workspaces::{Role, Slug};

crate::text_column!(End);

/// A token's key within the database; never leaves the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenKey(i64);

/// A value's key within the database; never leaves the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ValueKey(i64);

type TokenColumns = (
    (tokens::id, tokens::uuid, tokens::name, tokens::created_at),
    (token_values::id, token_values::hint, token_values::created_at, token_values::ends_at),
    (token_values::last_used_at, token_values::last_used_ip, token_values::last_used_agent),
);
const TOKEN: TokenColumns = (
    (tokens::id, tokens::uuid, tokens::name, tokens::created_at),
    (token_values::id, token_values::hint, token_values::created_at, token_values::ends_at),
    (token_values::last_used_at, token_values::last_used_ip, token_values::last_used_agent),
);
type TokenRow = (
    (i64, Id, TokenName, Timestamp),
    (i64, String, Timestamp, Option<Timestamp>),
    (Option<Timestamp>, Option<String>, Option<String>),
);

impl From<TokenRow> for Token {
    fn from(
        ((key, uuid, name, created_at), (value, hint, value_created_at, ends_at), (used_at, ip, agent)): TokenRow,
    ) -> Self {
        let last_use = used_at.map(|at| LastUse { at, ip, agent });
        let current = Value { key: ValueKey(value), hint, created_at: value_created_at, ends_at, last_use };
        Self { key: TokenKey(key), uuid, name, created_at, current }
    }
}

/// The tokens of a membership that are not deleted, in the order they were made.
pub fn live(conn: &mut Conn, membership: MembershipKey) -> Result<Vec<Token>, DbError> {
    let rows = tokens::table
        .inner_join(token_values::table)
        .filter(tokens::membership_id.eq(membership.0))
        .filter(tokens::deleted_at.is_null())
        .order((tokens::created_at, tokens::id, token_values::generation.desc()))
        .select(TOKEN)
        .load::<TokenRow>(conn)?;
    let mut tokens: Vec<Token> = rows.into_iter().map(Token::from).collect();
    // The highest generation, which comes first, is the current one.
    tokens.dedup_by(|later, first| later.key == first.key);
    Ok(tokens)
}

/// The slots in use and the name keys that go with them.
pub(super) fn slots_and_names(conn: &mut Conn, membership: MembershipKey) -> Result<Vec<(i16, String)>, DbError> {
    Ok(tokens::table
        .filter(tokens::membership_id.eq(membership.0))
        .filter(tokens::deleted_at.is_null())
        .select((tokens::slot, tokens::name_key))
        .load(conn)?)
}

/// Whose token a form made, and its name.
pub(super) fn made_by_form(conn: &mut Conn, form_key: &FormKey) -> Result<Option<(MembershipKey, TokenName)>, DbError> {
    let row = token_values::table
        .inner_join(tokens::table)
        .filter(token_values::form_key.eq(form_key.as_str()))
        .select((tokens::membership_id, tokens::name))
        .get_result::<(i64, TokenName)>(conn)
        .optional()?;
    Ok(row.map(|(membership, name)| (MembershipKey(membership), name)))
}

pub(super) fn insert_token(
    conn: &mut Conn,
    membership: MembershipKey,
    slot: i16,
    new: &NewToken,
) -> Result<(), DbError> {
    let token = diesel::insert_into(tokens::table)
        .values((
            tokens::uuid.eq(new.uuid.as_str()),
            tokens::membership_id.eq(membership.0),
            tokens::slot.eq(slot),
            tokens::name.eq(new.name.as_str()),
            tokens::name_key.eq(new.name.key()),
            tokens::created_at.eq(new.at.micros()),
        ))
        .returning(tokens::id)
        .get_result::<i64>(conn)?;
    diesel::insert_into(token_values::table)
        .values((
            token_values::token_id.eq(token),
            token_values::generation.eq(1),
            token_values::digest.eq(new.digest.as_bytes()),
            token_values::form_key.eq(new.form_key.as_ref().map(FormKey::as_str)),
            token_values::hint.eq(&new.hint),
            token_values::created_at.eq(new.at.micros()),
        ))
        .execute(conn)?;
    Ok(())
}

/// A token of the membership, deleted ones too: its key, its name, and when it was deleted.
pub(super) fn find_with_deleted(
    conn: &mut Conn,
    membership: MembershipKey,
    uuid: &Id,
) -> Result<Option<(TokenKey, TokenName, Option<Timestamp>)>, DbError> {
    let row = tokens::table
        .filter(tokens::membership_id.eq(membership.0))
        .filter(tokens::uuid.eq(uuid.as_str()))
        .select((tokens::id, tokens::name, tokens::deleted_at))
        .get_result::<(i64, TokenName, Option<Timestamp>)>(conn)
        .optional()?;
    Ok(row.map(|(key, name, deleted_at)| (TokenKey(key), name, deleted_at)))
}

pub(super) fn delete_token(conn: &mut Conn, token: TokenKey, deletion: &Deletion) -> Result<(), DbError> {
    let at = deletion.at.micros();
    diesel::update(tokens::table.filter(tokens::id.eq(token.0)))
        .set((
            tokens::deleted_at.eq(at),
            tokens::deleted_by.eq(deletion.by.as_ref().map(|(_, email)| email)),
            tokens::deleted_via.eq(deletion.via.as_str()),
        ))
        .execute(conn)?;
    let living = token_values::table
        .filter(token_values::token_id.eq(token.0))
        .filter(token_values::ends_at.is_null().or(token_values::ends_at.gt(at)));
    diesel::update(living)
        .set((token_values::ends_at.eq(at), token_values::end_reason.eq(End::Deleted.as_str())))
        .execute(conn)?;
    Ok(())
}

/// The owner of a token, whoever it is: for the command line.
pub fn owner_of(conn: &mut Conn, uuid: &Id) -> Result<Option<Owner>, DbError> {
    let row = tokens::table
        .inner_join(memberships::table.inner_join(users::table).inner_join(workspaces::table))
        .filter(tokens::uuid.eq(uuid.as_str()))
        .select((tokens::membership_id, USER, workspaces::uuid))
        .get_result::<(i64, UserRow, Id)>(conn)
        .optional()?;
    Ok(row.map(|(membership, user, workspace)| Owner::new(MembershipKey(membership), &User::from(user), &workspace)))
}

/// Every token of a workspace that is not deleted, and whose it is: for the command line.
pub fn of_workspace(conn: &mut Conn, workspace: WorkspaceKey) -> Result<Vec<(Token, EmailAddress)>, DbError> {
    let rows = tokens::table
        .inner_join(token_values::table)
        .inner_join(memberships::table.inner_join(users::table))
        .filter(memberships::workspace_id.eq(workspace.0))
        .filter(tokens::deleted_at.is_null())
        .order((users::email_key, tokens::created_at, tokens::id, token_values::generation.desc()))
        .select((TOKEN, users::email))
        .load::<(TokenRow, EmailAddress)>(conn)?;
    let mut tokens: Vec<(Token, EmailAddress)> = rows.into_iter().map(|(token, email)| (token.into(), email)).collect();
    tokens.dedup_by(|(later, _), (first, _)| later.key == first.key);
    Ok(tokens)
}

type CallerRow = (
    (i64, Option<Timestamp>, Option<End>),
    (i64, Id, TokenName),
    (i64, Role, Option<Timestamp>),
    UserRow,
    WorkspaceRow,
);

/// Whoever holds the value with this digest: one query, whatever it finds. `.get_result()` on the unique column, not
/// `.first()`, whose LIMIT would make `SQLite` prepare the statement anew each time.
pub(super) fn find_by_digest(conn: &mut Conn, digest: &ValueDigest) -> Result<Option<Found>, DbError> {
    let row = token_values::table
        .inner_join(tokens::table.inner_join(memberships::table.inner_join(users::table).inner_join(workspaces::table)))
        .filter(token_values::digest.eq(digest.as_bytes()))
        .select((
            (token_values::id, token_values::ends_at, token_values::end_reason),
            (tokens::id, tokens::uuid, tokens::name),
            (memberships::id, memberships::role, memberships::removed_at),
            USER,
            WORKSPACE,
        ))
        .get_result::<CallerRow>(conn)
        .optional()?;
    Ok(row.map(|((value, ends_at, end), (token, uuid, name), (membership, role, removed_at), user, workspace)| Found {
        ends_at,
        end,
        is_member: removed_at.is_none(),
        caller: Caller {
            value: ValueKey(value),
            token: TokenKey(token),
            uuid,
            name,
            membership: MembershipKey(membership),
            role,
            user: user.into(),
            workspace: workspace.into(),
        },
    }))
}

/// What `token.json` tells of a token beyond its caller.
pub struct Details {
    /// Its values that are not over, the current one first.
    pub values: Vec<Value>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// The values of a token that live at `now`.
pub fn details(conn: &mut Conn, caller: &Caller, now: Timestamp) -> Result<Option<Details>, DbError> {
    let rows = tokens::table
        .inner_join(token_values::table)
        .filter(tokens::id.eq(caller.token.0))
        .filter(token_values::ends_at.is_null().or(token_values::ends_at.gt(now.micros())))
        .order(token_values::generation.desc())
        .select(TOKEN)
        .load::<TokenRow>(conn)?;
    let tokens: Vec<Token> = rows.into_iter().map(Token::from).collect();
    let Some(created_at) = tokens.first().map(|token| token.created_at) else { return Ok(None) };
    Ok(Some(Details { values: tokens.into_iter().map(|token| token.current).collect(), created_at }))
}

/// Writes down that a value was used. A later use that another process wrote stays.
pub(super) fn mark_used(conn: &mut Conn, value: ValueKey, used: &Use) -> Result<(), DbError> {
    let at = used.last.at.micros();
    let this = || token_values::table.filter(token_values::id.eq(value.0));
    diesel::update(this().filter(token_values::last_used_at.is_null().or(token_values::last_used_at.lt(at))))
        .set((
            token_values::last_used_at.eq(at),
            token_values::last_used_ip.eq(&used.last.ip),
            token_values::last_used_agent.eq(&used.last.agent),
        ))
        .execute(conn)?;
    diesel::update(this().filter(token_values::first_used_at.is_null()))
        .set(token_values::first_used_at.eq(used.first.micros()))
        .execute(conn)?;
    Ok(())
}

/// The owner of what a user makes in the workspace with this slug: for the command line.
pub fn owner_by_email(conn: &mut Conn, slug: &Slug, email: &EmailAddress) -> Result<Option<Owner>, DbError> {
    let row = memberships::table
        .inner_join(users::table)
        .inner_join(workspaces::table)
        .filter(memberships::removed_at.is_null())
        .filter(workspaces::slug.eq(slug.as_str()))
        .filter(users::email_key.eq(email.key()))
        .select((memberships::id, USER, workspaces::uuid))
        .get_result::<(i64, UserRow, Id)>(conn)
        .optional()?;
    Ok(row.map(|(membership, user, workspace)| Owner::new(MembershipKey(membership), &User::from(user), &workspace)))
}
