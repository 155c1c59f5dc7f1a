//! The queries of accounts.

use std::time::Duration;

use diesel::prelude::*;
use sha2::Digest as _;

use super::password::PasswordHash;
use super::{EmailAddress, NewUser, User};
use crate::kernel::app::PublicUrl;
use crate::kernel::clock::Timestamp;
use crate::kernel::db::events::EventKind;
use crate::kernel::db::schema::{events, settings, sign_in_attempts, users};
use crate::kernel::db::{Conn, DbError, take_turns};
use crate::kernel::id::Id;
use crate::kernel::rng::{self, CryptoRng};
use crate::kernel::text::Label;

crate::text_column!(EmailAddress);

/// A user's key within the database; never leaves the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserKey(pub(crate) i64);

crate::columns! {
    /// The columns of a [`User`], in the order of [`UserRow`].
    USER: UserColumns = (users::id, users::uuid, users::email, users::name, users::is_active)
}
/// A [`User`] as it comes from the database.
pub(crate) type UserRow = (i64, Id, EmailAddress, Label, bool);

impl From<UserRow> for User {
    fn from((key, uuid, email, name, is_active): UserRow) -> Self {
        Self { key: UserKey(key), uuid, email, name, is_active }
    }
}

/// The user with this address, and their password's hash.
pub fn user_by_email(conn: &mut Conn, email: &EmailAddress) -> Result<Option<(User, PasswordHash)>, DbError> {
    let row = users::table
        .filter(users::email_key.eq(email.key()))
        .select((USER, users::password_hash))
        .get_result::<(UserRow, String)>(conn)
        .optional()?;
    Ok(row.map(|(user, hash)| (user.into(), PasswordHash(hash))))
}

/// The user with this identifier.
pub fn user_by_uuid(conn: &mut Conn, uuid: &Id) -> Result<Option<User>, DbError> {
    let row = users::table.filter(users::uuid.eq(uuid.as_str())).select(USER).get_result::<UserRow>(conn).optional()?;
    Ok(row.map(User::from))
}

/// Every user, and when each was added, by address.
pub fn users(conn: &mut Conn) -> Result<Vec<(User, Timestamp)>, DbError> {
    let rows =
        users::table.order(users::email_key).select((USER, users::created_at)).load::<(UserRow, Timestamp)>(conn)?;
    Ok(rows.into_iter().map(|(user, at)| (user.into(), at)).collect())
}

/// Is there any user at all?
pub fn has_users(conn: &mut Conn) -> Result<bool, DbError> {
    Ok(diesel::select(diesel::dsl::exists(users::table.select(users::id))).get_result(conn)?)
}

pub(super) fn insert_user(conn: &mut Conn, new: &NewUser) -> Result<UserKey, DbError> {
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
    Ok(UserKey(key))
}

pub(super) fn set_password(conn: &mut Conn, user: UserKey, hash: &PasswordHash) -> Result<(), DbError> {
    diesel::update(users::table.filter(users::id.eq(user.0))).set(users::password_hash.eq(&hash.0)).execute(conn)?;
    Ok(())
}

/// Locks a user's row, which everything about the person locks, and says what it holds now. `None` if there is no such
/// user.
pub(super) fn lock_user(conn: &mut Conn, user: UserKey) -> Result<Option<(User, PasswordHash)>, DbError> {
    let row = diesel::update(users::table.filter(users::id.eq(user.0)))
        .set(users::password_hash.eq(users::password_hash))
        .returning((USER, users::password_hash))
        .get_result::<(UserRow, String)>(conn)
        .optional()?;
    Ok(row.map(|(user, hash)| (user.into(), PasswordHash(hash))))
}

pub(super) fn set_name(conn: &mut Conn, user: UserKey, name: &Label) -> Result<(), DbError> {
    diesel::update(users::table.filter(users::id.eq(user.0))).set(users::name.eq(name.as_str())).execute(conn)?;
    Ok(())
}

pub(super) fn set_email(conn: &mut Conn, user: UserKey, email: &EmailAddress) -> Result<(), DbError> {
    diesel::update(users::table.filter(users::id.eq(user.0)))
        .set((users::email.eq(email.as_str()), users::email_key.eq(email.key())))
        .execute(conn)?;
    Ok(())
}

pub(super) fn set_active(conn: &mut Conn, user: UserKey, is_active: bool) -> Result<(), DbError> {
    diesel::update(users::table.filter(users::id.eq(user.0))).set(users::is_active.eq(is_active)).execute(conn)?;
    Ok(())
}

/// The window in which failures count.
const WINDOW: Duration = Duration::from_mins(15);
/// How long an address stays known to an account that signed in from it.
const FAMILIAR: Duration = Duration::from_hours(720);
const PER_ACCOUNT_AND_ADDRESS: i64 = 10;
const PER_ADDRESS: i64 = 50;
const PER_ACCOUNT: i64 = 100;

/// "sign in" as a number: attempts are counted and written down one at a time, also by several instances.
const SIGN_IN_TURN: i64 = 0x73_6967_6e20_696e;

/// One attempt to sign in, under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt(i64);

/// Writes an attempt down before its password is checked, or says how long to wait. An attempt under way counts as
/// a failure, so that many at the same moment can't slip past the limit. `user` is the uuid of the account, if
/// it is anybody's.
pub(super) fn begin_attempt(
    conn: &mut Conn,
    account: Option<&[u8; 32]>,
    address: &str,
    user: Option<&str>,
    now: Timestamp,
) -> Result<Result<Attempt, Duration>, DbError> {
    use sign_in_attempts as attempts;
    take_turns(conn, SIGN_IN_TURN)?;
    diesel::delete(attempts::table.filter(attempts::at.le((now - WINDOW).micros()))).execute(conn)?;
    // The attempt that must grow old before there is room for another.
    let by_address = attempts::table.filter(attempts::address.eq(address)).order(attempts::at.desc());
    let mut blocking = by_address.select(attempts::at).offset(PER_ADDRESS - 1).limit(1).load::<Timestamp>(conn)?;
    if let Some(account) = account {
        blocking.extend(
            by_address
                .filter(attempts::account.eq(&account[..]))
                .select(attempts::at)
                .offset(PER_ACCOUNT_AND_ADDRESS - 1)
                .limit(1)
                .load::<Timestamp>(conn)?,
        );
        let worn_out = attempts::table
            .filter(attempts::account.eq(&account[..]))
            .order(attempts::at.desc())
            .select(attempts::at)
            .offset(PER_ACCOUNT - 1)
            .limit(1)
            .load::<Timestamp>(conn)?;
        if !worn_out.is_empty() && !is_familiar(conn, user, address, now)? {
            blocking.extend(worn_out);
        }
    }
    if let Some(last) = blocking.into_iter().max() {
        return Ok(Err((last + WINDOW).since(now)));
    }
    let id = diesel::insert_into(attempts::table)
        .values((
            attempts::account.eq(account.map(|account| &account[..])),
            attempts::address.eq(address),
            attempts::at.eq(now.micros()),
        ))
        .returning(attempts::id)
        .get_result(conn)?;
    Ok(Ok(Attempt(id)))
}

/// Did this user sign in from this address in the last 30 days? Then others' failures elsewhere don't lock them out.
fn is_familiar(conn: &mut Conn, user: Option<&str>, address: &str, now: Timestamp) -> Result<bool, DbError> {
    let Some(user) = user else { return Ok(false) };
    let signed_in = events::table
        .filter(events::actor.eq(user).and(events::workspace.is_null()))
        .filter(events::kind.eq(EventKind::SignInSucceeded.as_str()))
        .filter(events::at.gt((now - FAMILIAR).micros()))
        .filter(events::detail.eq(address));
    Ok(diesel::select(diesel::dsl::exists(signed_in)).get_result(conn)?)
}

pub(super) fn forget_attempt(conn: &mut Conn, attempt: Attempt) -> Result<(), DbError> {
    diesel::delete(sign_in_attempts::table.filter(sign_in_attempts::id.eq(attempt.0))).execute(conn)?;
    Ok(())
}

/// After the right password: the failures of this account from this address no longer count.
pub(super) fn forgive_attempts(conn: &mut Conn, account: &[u8; 32], address: &str) -> Result<(), DbError> {
    let theirs = sign_in_attempts::table
        .filter(sign_in_attempts::account.eq(&account[..]))
        .filter(sign_in_attempts::address.eq(address));
    diesel::delete(theirs).execute(conn)?;
    Ok(())
}

/// Holds the site's one row that everything about first users locks, until the end of the transaction.
pub fn lock_site(conn: &mut Conn) -> Result<(), DbError> {
    diesel::update(settings::table.filter(settings::key.eq(SITE_KEY))).set(settings::key.eq(SITE_KEY)).execute(conn)?;
    Ok(())
}

const SITE_KEY: &str = "site_key";
const PUBLIC_URL: &str = "public_url";

/// Writes down where people reach this site, so that a command on the machine can print links that lead there.
pub fn remember_public_url(conn: &mut Conn, url: &PublicUrl) -> Result<(), DbError> {
    lock_site(conn)?;
    let there = settings::table.filter(settings::key.eq(PUBLIC_URL));
    if diesel::update(there).set(settings::value.eq(url.origin())).execute(conn)? == 0 {
        let row = (settings::key.eq(PUBLIC_URL), settings::value.eq(url.origin()));
        diesel::insert_into(settings::table).values(row).execute(conn)?;
    }
    Ok(())
}

/// Where people reach this site, as the server that was started last says.
pub fn public_url(conn: &mut Conn) -> Result<Option<PublicUrl>, DbError> {
    let there = settings::table.filter(settings::key.eq(PUBLIC_URL)).select(settings::value);
    Ok(there.get_result::<String>(conn).optional()?.and_then(|url| url.parse().ok()))
}

/// "site key" as a number: of several instances that start on an empty database, one makes it.
const SITE_KEY_TURN: i64 = 0x7369_7465_206b_6579;

/// The key that signs cookies, 64 bytes; made by whichever process comes first and the same for all.
pub fn site_key(conn: &mut Conn, rng: &mut impl CryptoRng) -> Result<Vec<u8>, DbError> {
    take_turns(conn, SITE_KEY_TURN)?;
    let there = settings::table.filter(settings::key.eq(SITE_KEY)).select(settings::value);
    let there = there.get_result::<String>(conn).optional()?;
    let text = if let Some(text) = there {
        text
    } else {
        let made = rng::base62(rng, 86);
        let row = (settings::key.eq(SITE_KEY), settings::value.eq(&made));
        diesel::insert_into(settings::table).values(row).execute(conn)?;
        made
    };
    // 86 base62 characters hold the 512 bits that the key is derived down to.
    Ok(sha2::Sha512::digest(text.as_bytes()).to_vec())
}
