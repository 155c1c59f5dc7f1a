//! Limits on failed logins: per account and client network, per client network, and per account.

use std::net::IpAddr;
use std::time::Duration;

use diesel::prelude::*;
use ipnet::IpNet;

use crate::audit::event::EventKind;
use crate::base::client_info::ClientInfo;
use crate::base::clock::{MAX_CLOCK_SKEW, Timestamp};
use crate::base::id::PublicId;
use crate::db::schema::{events, sign_in_attempts};
use crate::db::transaction::advisory_lock;
use crate::db::{DbConnection, DbError};

/// How long a failure counts.
pub(crate) const WINDOW: Duration = Duration::from_mins(15);

/// How long a client address counts as known after a login of the account.
pub(crate) const KNOWN_ADDRESS_WINDOW: Duration = Duration::from_hours(720);

/// Maximum number of failures in [`WINDOW`] for an account from one address.
pub(crate) const PER_ACCOUNT_AND_ADDRESS: usize = 10;

/// Maximum number of failures in [`WINDOW`] from one address.
pub(crate) const PER_ADDRESS: usize = 50;

/// Maximum number of failures in [`WINDOW`] for an account; does not apply to its known addresses.
pub(crate) const PER_ACCOUNT: usize = 100;

/// Factor of the limits of an IPv6 client's /56 network to those of its /64 network, and of /48 to /56.
const WIDENING: usize = 2;

/// Detail of the event of a password that was changed by a reset link.
pub(crate) const RESET_LINK: &str = "reset link";

/// Key of the advisory lock that serializes attempts across instances: the bytes of "sign in".
pub(crate) const LOGIN_LOCK: i64 = 0x73_6967_6e20_696e;

/// The row of an attempt that is in progress.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt(i64);

/// A rejected attempt: too many failures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Locked {
    /// The end of the lock.
    pub until: Timestamp,
    /// Whether the client's network is locked for all accounts.
    pub is_network: bool,
    /// The number of failures that caused the lock.
    pub failures: usize,
}

/// A failure within [`WINDOW`].
#[derive(Queryable)]
struct Failure {
    address: String,
    account: Option<Vec<u8>>,
    at: Timestamp,
}

impl Failure {
    fn is_in(&self, network: &IpNet) -> bool {
        // A stored address is an IPv4 address or a /64 network.
        let address = self.address.parse().or_else(|_| self.address.parse::<IpAddr>().map(IpNet::from));
        address.is_ok_and(|address| network.contains(&address))
    }
}

/// Records an attempt before its password is checked, or returns the lock. An attempt in progress counts as a failure, so
/// that concurrent attempts can't exceed the limit. `user` is the UUID of the account, if it exists.
pub(crate) fn begin_attempt(
    conn: &mut DbConnection,
    account: Option<&[u8; 32]>,
    client: &ClientInfo,
    user: Option<&PublicId>,
    now: Timestamp,
) -> Result<Result<Attempt, Locked>, DbError> {
    use sign_in_attempts as attempts;
    advisory_lock(conn, LOGIN_LOCK)?;
    // A failure far in the future was written while a clock was ahead, and would count until then.
    let is_old = attempts::at.le((now - WINDOW).micros()).or(attempts::at.gt((now + MAX_CLOCK_SKEW).micros()));
    diesel::delete(attempts::table.filter(is_old)).execute(conn)?;
    let networks = client.networks();
    let widest = networks.last().map_or_else(String::new, ToString::to_string);
    let failures = attempts::table
        .filter(attempts::network.eq(&widest))
        .order(attempts::at.desc())
        .select((attempts::address, attempts::account, attempts::at))
        .limit(i64::try_from(PER_ADDRESS * WIDENING.pow(2)).unwrap_or(i64::MAX));
    let failures = crate::match_backend!(conn, conn => failures.load::<Failure>(conn))?;

    let mut locks: Vec<Locked> = Vec::new();
    // The newest failures of which one must leave the window before another attempt is allowed.
    let mut add = |last: Option<&Failure>, limit: usize, is_network: bool| {
        locks.extend(last.map(|last| Locked { until: last.at + WINDOW, is_network, failures: limit }));
    };
    let (mut per_address, mut per_account) = (PER_ADDRESS, PER_ACCOUNT_AND_ADDRESS);
    for network in &networks {
        let in_network = || failures.iter().filter(|failure| failure.is_in(network));
        add(in_network().nth(per_address - 1), per_address, true);
        if let Some(account) = account {
            let of_account = in_network().filter(|failure| failure.account.as_deref() == Some(&account[..]));
            add({ of_account }.nth(per_account - 1), per_account, false);
        }
        (per_address, per_account) = (per_address * WIDENING, per_account * WIDENING);
    }
    if let Some(account) = account {
        let account_limit_hit = attempts::table
            .filter(attempts::account.eq(&account[..]))
            .order(attempts::at.desc())
            .select(attempts::at)
            .offset(i64::try_from(PER_ACCOUNT - 1).unwrap_or(i64::MAX))
            .limit(1)
            .load::<Timestamp>(conn)?;
        if let Some(last) = account_limit_hit.first()
            && !is_known_address(conn, user, client, now)?
        {
            locks.push(Locked { until: *last + WINDOW, is_network: false, failures: PER_ACCOUNT });
        }
    }
    if let Some(lock) = locks.into_iter().max_by_key(|lock| lock.until) {
        return Ok(Err(lock));
    }
    let id = diesel::insert_into(attempts::table)
        .values((
            attempts::account.eq(account.map(|account| &account[..])),
            attempts::address.eq(client.rate_limit_key()),
            attempts::network.eq(&widest),
            attempts::at.eq(now.micros()),
        ))
        .returning(attempts::id)
        .get_result(conn)?;
    Ok(Ok(Attempt(id)))
}

/// Returns whether the user signed in, or used a reset link, from this address within [`KNOWN_ADDRESS_WINDOW`]. Failures
/// from other addresses do not lock such a client out.
fn is_known_address(
    conn: &mut DbConnection,
    user: Option<&PublicId>,
    client: &ClientInfo,
    now: Timestamp,
) -> Result<bool, DbError> {
    let Some(user) = user else { return Ok(false) };
    let signed_in =
        events::kind.eq(EventKind::SignInSucceeded.owasp_name()).and(events::detail.eq(client.rate_limit_key()));
    let reset = events::action
        .eq(EventKind::PasswordChanged.as_str())
        .and(events::detail.eq(RESET_LINK))
        .and(events::ip.eq(client.ip_text()));
    let known = events::table
        .filter(events::actor.eq(user.as_str()).and(events::workspace.is_null()))
        .filter(events::at.gt((now - KNOWN_ADDRESS_WINDOW).micros()))
        .filter(signed_in.or(reset));
    Ok(diesel::select(diesel::dsl::exists(known)).get_result(conn)?)
}

/// Deletes an attempt whose password was not checked.
pub(crate) fn delete_attempt(conn: &mut DbConnection, attempt: Attempt) -> Result<(), DbError> {
    diesel::delete(sign_in_attempts::table.filter(sign_in_attempts::id.eq(attempt.0))).execute(conn)?;
    Ok(())
}

/// Deletes the failures of an account from one address, after a successful login.
pub(crate) fn clear_attempts(conn: &mut DbConnection, account: &[u8; 32], address: &str) -> Result<(), DbError> {
    let failures = sign_in_attempts::table
        .filter(sign_in_attempts::account.eq(&account[..]))
        .filter(sign_in_attempts::address.eq(address));
    diesel::delete(failures).execute(conn)?;
    Ok(())
}

/// Deletes the failures of an account from every address, after its password was reset.
pub(crate) fn clear_account(conn: &mut DbConnection, account: &[u8; 32]) -> Result<(), DbError> {
    diesel::delete(sign_in_attempts::table.filter(sign_in_attempts::account.eq(&account[..]))).execute(conn)?;
    Ok(())
}
