//! The queries of accounts.

use diesel::prelude::*;

use crate::accounts::model::PasswordHash;
use crate::accounts::model::{EmailAddress, NewUser, User};
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::base::text::DisplayName;
use crate::db::ids::UserId;
use crate::db::schema::users;
use crate::db::{DbConnection, DbError};

crate::text_column!(EmailAddress);

crate::columns! {
    /// The columns of a [`User`], in the order of [`UserRow`].
    USER: UserColumns = (users::id, users::uuid, users::email, users::name, users::is_active)
}

/// A [`User`] as it comes from the database.
pub(crate) type UserRow = (i64, PublicId, EmailAddress, DisplayName, bool);

impl From<UserRow> for User {
    fn from((key, uuid, email, name, is_active): UserRow) -> Self {
        Self { key: UserId(key), uuid, email, name, is_active }
    }
}

/// The user with this address, and their password's hash.
pub fn user_by_email(conn: &mut DbConnection, email: &EmailAddress) -> Result<Option<(User, PasswordHash)>, DbError> {
    let row = users::table
        .filter(users::email_key.eq(email.key()))
        .select((USER, users::password_hash))
        .get_result::<(UserRow, String)>(conn)
        .optional()?;
    Ok(row.map(|(user, hash)| (user.into(), PasswordHash(hash))))
}

/// The user with this identifier.
pub fn user_by_uuid(conn: &mut DbConnection, uuid: &PublicId) -> Result<Option<User>, DbError> {
    let row = users::table.filter(users::uuid.eq(uuid.as_str())).select(USER).get_result::<UserRow>(conn).optional()?;
    Ok(row.map(User::from))
}

/// Every user, and when each was added, by address.
pub fn users(conn: &mut DbConnection) -> Result<Vec<(User, Timestamp)>, DbError> {
    let rows =
        users::table.order(users::email_key).select((USER, users::created_at)).load::<(UserRow, Timestamp)>(conn)?;
    Ok(rows.into_iter().map(|(user, at)| (user.into(), at)).collect())
}

/// Is there any user at all?
pub fn has_users(conn: &mut DbConnection) -> Result<bool, DbError> {
    Ok(diesel::select(diesel::dsl::exists(users::table.select(users::id))).get_result(conn)?)
}

pub(crate) fn insert_user(conn: &mut DbConnection, new: &NewUser) -> Result<UserId, DbError> {
    let key = diesel::insert_into(users::table)
        .values((
            users::uuid.eq(new.uuid.as_str()),
            users::email.eq(new.email.as_str()),
            users::email_key.eq(new.email.key()),
            users::name.eq(new.name.as_str()),
            users::password_hash.eq(&new.password.0),
            users::is_active.eq(true),
            users::created_at.eq(new.at.micros()),
        ))
        .returning(users::id)
        .get_result(conn)?;
    Ok(UserId(key))
}

pub(crate) fn set_password(conn: &mut DbConnection, user: UserId, hash: &PasswordHash) -> Result<(), DbError> {
    diesel::update(users::table.filter(users::id.eq(user.0))).set(users::password_hash.eq(&hash.0)).execute(conn)?;
    Ok(())
}

/// Locks a user's row, which everything about the person locks, and says what it holds now. `None` if there is no such
/// user.
pub(crate) fn lock_user(conn: &mut DbConnection, user: UserId) -> Result<Option<(User, PasswordHash)>, DbError> {
    let row = diesel::update(users::table.filter(users::id.eq(user.0)))
        .set(users::password_hash.eq(users::password_hash))
        .returning((USER, users::password_hash))
        .get_result::<(UserRow, String)>(conn)
        .optional()?;
    Ok(row.map(|(user, hash)| (user.into(), PasswordHash(hash))))
}

pub(crate) fn set_name(conn: &mut DbConnection, user: UserId, name: &DisplayName) -> Result<(), DbError> {
    diesel::update(users::table.filter(users::id.eq(user.0))).set(users::name.eq(name.as_str())).execute(conn)?;
    Ok(())
}

pub(crate) fn set_email(conn: &mut DbConnection, user: UserId, email: &EmailAddress) -> Result<(), DbError> {
    diesel::update(users::table.filter(users::id.eq(user.0)))
        .set((users::email.eq(email.as_str()), users::email_key.eq(email.key())))
        .execute(conn)?;
    Ok(())
}

pub(crate) fn set_active(conn: &mut DbConnection, user: UserId, is_active: bool) -> Result<(), DbError> {
    diesel::update(users::table.filter(users::id.eq(user.0))).set(users::is_active.eq(is_active)).execute(conn)?;
    Ok(())
}
