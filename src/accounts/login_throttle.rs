//! Limits on failed sign-ins.

use std::time::Duration;

use diesel::prelude::*;

use crate::audit::event::EventKind;
use crate::base::clock::Timestamp;
use crate::db::schema::{events, sign_in_attempts};
use crate::db::transaction::advisory_lock;
use crate::db::{DbConnection, DbError};

/// The window in which failures count.
pub(crate) const WINDOW: Duration = Duration::from_mins(15);

/// How long an address stays known to an account that signed in from it.
pub(crate) const KNOWN_ADDRESS_WINDOW: Duration = Duration::from_hours(720);

pub(crate) const PER_ACCOUNT_AND_ADDRESS: i64 = 10;

pub(crate) const PER_ADDRESS: i64 = 50;

pub(crate) const PER_ACCOUNT: i64 = 100;

/// "sign in" as a number: attempts are counted and written down one at a time, also by several instances.
pub(crate) const LOGIN_LOCK: i64 = 0x73_6967_6e20_696e;

/// One attempt to sign in, under way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt(i64);

/// Writes an attempt down before its password is checked, or says how long to wait. An attempt under way counts as
/// a failure, so that many at the same moment can't slip past the limit. `user` is the uuid of the account, if
/// it is anybody's.
pub(crate) fn begin_attempt(
    conn: &mut DbConnection,
    account: Option<&[u8; 32]>,
    address: &str,
    user: Option<&str>,
    now: Timestamp,
) -> Result<Result<Attempt, Duration>, DbError> {
    use sign_in_attempts as attempts;
    advisory_lock(conn, LOGIN_LOCK)?;
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
        let account_limit_hit = attempts::table
            .filter(attempts::account.eq(&account[..]))
            .order(attempts::at.desc())
            .select(attempts::at)
            .offset(PER_ACCOUNT - 1)
            .limit(1)
            .load::<Timestamp>(conn)?;
        if !account_limit_hit.is_empty() && !is_known_address(conn, user, address, now)? {
            blocking.extend(account_limit_hit);
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
pub(crate) fn is_known_address(
    conn: &mut DbConnection,
    user: Option<&str>,
    address: &str,
    now: Timestamp,
) -> Result<bool, DbError> {
    let Some(user) = user else { return Ok(false) };
    let signed_in = events::table
        .filter(events::actor.eq(user).and(events::workspace.is_null()))
        .filter(events::kind.eq(EventKind::SignInSucceeded.owasp_name()))
        .filter(events::at.gt((now - KNOWN_ADDRESS_WINDOW).micros()))
        .filter(events::detail.eq(address));
    Ok(diesel::select(diesel::dsl::exists(signed_in)).get_result(conn)?)
}

pub(crate) fn delete_attempt(conn: &mut DbConnection, attempt: Attempt) -> Result<(), DbError> {
    diesel::delete(sign_in_attempts::table.filter(sign_in_attempts::id.eq(attempt.0))).execute(conn)?;
    Ok(())
}

/// After the right password: the failures of this account from this address no longer count.
pub(crate) fn clear_attempts(conn: &mut DbConnection, account: &[u8; 32], address: &str) -> Result<(), DbError> {
    let theirs = sign_in_attempts::table
        .filter(sign_in_attempts::account.eq(&account[..]))
        .filter(sign_in_attempts::address.eq(address));
    diesel::delete(theirs).execute(conn)?;
    Ok(())
}
