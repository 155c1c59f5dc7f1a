//! Queries of users.

use diesel::prelude::*;

use crate::accounts::model::PasswordHash;
use crate::accounts::model::{CredentialsGeneration, EmailAddress, NewUser, User};
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::base::text::DisplayName;
use crate::db::ids::UserId;
use crate::db::schema::users;
use crate::db::{DbConnection, DbError};

crate::impl_text_column!(EmailAddress = EmailAddress::for_lookup);
crate::impl_column!(PasswordHash: Text as String, |hash| Ok(PasswordHash::new(hash)));

crate::impl_select! {
    /// The columns of a [`User`].
    USER: User {
        key: UserId = users::id,
        uuid: PublicId = users::uuid,
        email: EmailAddress = users::email,
        name: DisplayName = users::name,
        is_active: bool = users::is_active,
        email_verified_at: Option<Timestamp> = users::email_verified_at,
        prefers_browser_zone: bool = users::prefers_browser_zone,
    }
}

/// Finds the user with this address, and their password hash. Of two accounts whose addresses differ only in their
/// composition, the one with this spelling is found.
pub fn user_by_email(conn: &mut DbConnection, email: &EmailAddress) -> Result<Option<(User, PasswordHash)>, DbError> {
    let keys = email.lookup_keys();
    let [spelled, composed, decomposed] = &keys;
    let rows = users::table
        .filter(users::email_key.eq(spelled).or(users::email_key.eq(composed)).or(users::email_key.eq(decomposed)))
        .select((users::email_key, USER, users::password_hash))
        .load::<(String, User, PasswordHash)>(conn)?;
    let preference = |key: &String| keys.iter().position(|it| it == key);
    let row = rows.into_iter().min_by_key(|(key, ..)| preference(key));
    Ok(row.map(|(_, user, hash)| (user, hash)))
}

/// Finds the user with this identifier.
pub fn user_by_uuid(conn: &mut DbConnection, uuid: &PublicId) -> Result<Option<User>, DbError> {
    Ok(users::table.filter(users::uuid.eq(uuid.as_str())).select(USER).get_result(conn).optional()?)
}

/// Finds the user of a session that was made with credentials of this generation. Returns `None` if the credentials have
/// another generation now.
pub(crate) fn user_by_generation(
    conn: &mut DbConnection,
    uuid: &PublicId,
    generation: CredentialsGeneration,
) -> Result<Option<User>, DbError> {
    Ok(users::table
        .filter(users::uuid.eq(uuid.as_str()))
        .filter(users::credentials_generation.eq(generation.0))
        .select(USER)
        .get_result(conn)
        .optional()?)
}

/// Lists all users with their creation times, ordered by address.
pub fn list_users(conn: &mut DbConnection) -> Result<Vec<(User, Timestamp)>, DbError> {
    Ok(users::table.order(users::email_key).select((USER, users::created_at)).load(conn)?)
}

/// Returns whether there is a user.
pub fn has_users(conn: &mut DbConnection) -> Result<bool, DbError> {
    Ok(diesel::select(diesel::dsl::exists(users::table.select(users::id))).get_result(conn)?)
}

pub(crate) fn insert_user(conn: &mut DbConnection, new: &NewUser) -> Result<UserId, DbError> {
    Ok(diesel::insert_into(users::table)
        .values((
            users::uuid.eq(new.uuid.as_str()),
            users::email.eq(new.email.as_str()),
            users::email_key.eq(new.email.case_folded()),
            users::name.eq(new.name.as_str()),
            users::name_key.eq(new.name.case_folded()),
            users::name_sort.eq(new.name.sort_key()),
            users::password_hash.eq(new.password.reveal()),
            users::is_active.eq(true),
            users::created_at.eq(new.at.micros()),
            users::email_verified_at.eq(new.email_verified_at().map(Timestamp::micros)),
        ))
        .returning(users::id)
        .get_result(conn)?)
}

pub(crate) fn set_password(conn: &mut DbConnection, user: UserId, hash: &PasswordHash) -> Result<(), DbError> {
    diesel::update(users::table.filter(users::id.eq(user.0)))
        .set(users::password_hash.eq(hash.reveal()))
        .execute(conn)?;
    Ok(())
}

/// Locks a user's row and returns its current content. Every change of an account takes this lock. Returns `None` if the
/// user does not exist.
pub(crate) fn lock_user(conn: &mut DbConnection, user: UserId) -> Result<Option<(User, PasswordHash)>, DbError> {
    Ok(diesel::update(users::table.filter(users::id.eq(user.0)))
        .set(users::password_hash.eq(users::password_hash))
        .returning((USER, users::password_hash))
        .get_result(conn)
        .optional()?)
}

/// Locks the row of an active user whose credentials have this generation. Returns `false` if there is none: the
/// credentials that the request was made with are not valid any more.
pub(crate) fn lock_generation(
    conn: &mut DbConnection,
    user: &PublicId,
    generation: CredentialsGeneration,
) -> Result<bool, DbError> {
    let current = users::table
        .filter(users::uuid.eq(user.as_str()))
        .filter(users::is_active.eq(true))
        .filter(users::credentials_generation.eq(generation.0));
    Ok(diesel::update(current).set(users::password_hash.eq(users::password_hash)).execute(conn)? == 1)
}

/// Returns the generation of the user's credentials. The caller has locked the user's row.
pub(crate) fn credentials_generation(conn: &mut DbConnection, user: UserId) -> Result<CredentialsGeneration, DbError> {
    let generation =
        users::table.filter(users::id.eq(user.0)).select(users::credentials_generation).get_result(conn)?;
    Ok(CredentialsGeneration(generation))
}

/// Starts the next generation of the user's credentials and returns it.
pub(crate) fn advance_generation(conn: &mut DbConnection, user: UserId) -> Result<CredentialsGeneration, DbError> {
    let generation = diesel::update(users::table.filter(users::id.eq(user.0)))
        .set(users::credentials_generation.eq(users::credentials_generation + 1))
        .returning(users::credentials_generation)
        .get_result(conn)?;
    Ok(CredentialsGeneration(generation))
}

pub(crate) fn set_name(conn: &mut DbConnection, user: UserId, name: &DisplayName) -> Result<(), DbError> {
    diesel::update(users::table.filter(users::id.eq(user.0)))
        .set((
            users::name.eq(name.as_str()),
            users::name_key.eq(name.case_folded()),
            users::name_sort.eq(name.sort_key()),
        ))
        .execute(conn)?;
    Ok(())
}

pub(crate) fn set_prefers_browser_zone(
    conn: &mut DbConnection,
    user: UserId,
    prefers_browser_zone: bool,
) -> Result<(), DbError> {
    diesel::update(users::table.filter(users::id.eq(user.0)))
        .set(users::prefers_browser_zone.eq(prefers_browser_zone))
        .execute(conn)?;
    Ok(())
}

pub(crate) fn set_email(
    conn: &mut DbConnection,
    user: UserId,
    email: &EmailAddress,
    verified_at: Option<Timestamp>,
) -> Result<(), DbError> {
    diesel::update(users::table.filter(users::id.eq(user.0)))
        .set((
            users::email.eq(email.as_str()),
            users::email_key.eq(email.case_folded()),
            users::email_verified_at.eq(verified_at.map(Timestamp::micros)),
        ))
        .execute(conn)?;
    Ok(())
}

/// Marks the user's email address as verified. Returns `false` if it was verified already or is another one now.
pub(crate) fn verify_email(conn: &mut DbConnection, user: &User, now: Timestamp) -> Result<bool, DbError> {
    let unverified = users::table
        .filter(users::id.eq(user.key.0))
        .filter(users::email.eq(user.email.as_str()))
        .filter(users::email_verified_at.is_null());
    Ok(diesel::update(unverified).set(users::email_verified_at.eq(now.micros())).execute(conn)? == 1)
}

/// Marks the user's email address as not verified. Returns `false` if it was not.
pub(crate) fn unverify_email(conn: &mut DbConnection, user: UserId) -> Result<bool, DbError> {
    let verified = users::table.filter(users::id.eq(user.0)).filter(users::email_verified_at.is_not_null());
    Ok(diesel::update(verified).set(users::email_verified_at.eq(None::<i64>)).execute(conn)? == 1)
}

pub(crate) fn set_active(conn: &mut DbConnection, user: UserId, is_active: bool) -> Result<(), DbError> {
    diesel::update(users::table.filter(users::id.eq(user.0))).set(users::is_active.eq(is_active)).execute(conn)?;
    Ok(())
}
