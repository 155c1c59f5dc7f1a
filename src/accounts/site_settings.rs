//! Settings and records of the whole site: the cookie secret, the public URL, the last backup, and what was purged today.

use std::time::Duration;

use diesel::prelude::*;
use sha2::Digest as _;

use crate::base::clock::Timestamp;
use crate::base::public_url::PublicUrl;
use crate::base::random::{self, CryptoRng};
use crate::db::schema::settings;
use crate::db::transaction::advisory_lock;
use crate::db::{DbConnection, DbError};

/// Locks the site's row until the end of the transaction. Set-up, which creates the first user, takes this lock.
pub(crate) fn lock_site(conn: &mut DbConnection) -> Result<(), DbError> {
    diesel::update(settings::table.filter(settings::key.eq(COOKIE_SECRET)))
        .set(settings::key.eq(COOKIE_SECRET))
        .execute(conn)?;
    Ok(())
}

pub(crate) const COOKIE_SECRET: &str = "site_key";

pub(crate) const PUBLIC_URL: &str = "public_url";

/// Time of the last backup, in microseconds.
pub(crate) const LAST_BACKUP: &str = "last_backup_at";

/// A backup older than this is reported.
const BACKUP_OVERDUE_AFTER: Duration = Duration::from_hours(48);

/// Stores the public URL, so that commands can print links.
pub(crate) fn store_public_url(conn: &mut DbConnection, url: &PublicUrl) -> Result<(), DbError> {
    store(conn, PUBLIC_URL, &url.origin())
}

/// Stores the time of a complete backup.
pub(crate) fn record_backup(conn: &mut DbConnection, at: Timestamp) -> Result<(), DbError> {
    store(conn, LAST_BACKUP, &at.micros().to_string())
}

/// Returns the time of the last recorded backup if it is more than two days away from `now`: in the past, or in the future,
/// where a clock that was ahead left it.
pub(crate) fn overdue_backup(conn: &mut DbConnection, now: Timestamp) -> Result<Option<Timestamp>, DbError> {
    let row = settings::table.filter(settings::key.eq(LAST_BACKUP)).select(settings::value);
    let last = row.get_result::<String>(conn).optional()?.and_then(|micros| micros.parse().ok());
    let is_overdue = |last: &Timestamp| now.since(*last).max(last.since(now)) > BACKUP_OVERDUE_AFTER;
    Ok(last.map(Timestamp::from_micros).filter(is_overdue))
}

/// Returns the number of rows that were purged on this day, by the key of their kind.
pub(crate) fn purged_on(conn: &mut DbConnection, key: &str, day: i64) -> Result<i64, DbError> {
    let row = settings::table.filter(settings::key.eq(key)).select(settings::value);
    let value = row.get_result::<String>(conn).optional()?;
    let parsed = value.as_deref().and_then(|value| value.split_once(' '));
    let count = parsed.filter(|(stored, _)| *stored == day.to_string()).and_then(|(_, count)| count.parse().ok());
    Ok(count.unwrap_or(0))
}

/// Stores the number of rows that were purged on this day.
pub(crate) fn store_purged(conn: &mut DbConnection, key: &str, day: i64, count: i64) -> Result<(), DbError> {
    store(conn, key, &format!("{day} {count}"))
}

fn store(conn: &mut DbConnection, key: &str, value: &str) -> Result<(), DbError> {
    lock_site(conn)?;
    if diesel::update(settings::table.filter(settings::key.eq(key))).set(settings::value.eq(value)).execute(conn)? == 0
    {
        diesel::insert_into(settings::table)
            .values((settings::key.eq(key), settings::value.eq(value)))
            .execute(conn)?;
    }
    Ok(())
}

/// Returns the public URL of the server that was started last.
pub(crate) fn public_url(conn: &mut DbConnection) -> Result<Option<PublicUrl>, DbError> {
    let row = settings::table.filter(settings::key.eq(PUBLIC_URL)).select(settings::value);
    Ok(row.get_result::<String>(conn).optional()?.and_then(|url| url.parse().ok()))
}

/// Key of the advisory lock for generating the cookie secret: the bytes of "site key".
pub(crate) const COOKIE_SECRET_LOCK: i64 = 0x7369_7465_206b_6579;

/// Returns the key that signs cookies (64 bytes), the same for all instances. The first call generates it.
pub(crate) fn cookie_secret(conn: &mut DbConnection, rng: &mut impl CryptoRng) -> Result<Vec<u8>, DbError> {
    advisory_lock(conn, COOKIE_SECRET_LOCK)?;
    let stored = settings::table.filter(settings::key.eq(COOKIE_SECRET)).select(settings::value);
    let text = if let Some(text) = stored.get_result::<String>(conn).optional()? {
        text
    } else {
        let generated = random::alphanumeric(rng, 86);
        let row = (settings::key.eq(COOKIE_SECRET), settings::value.eq(&generated));
        diesel::insert_into(settings::table).values(row).execute(conn)?;
        generated
    };
    // 86 base62 characters have 512 bits, as many as the digest.
    Ok(sha2::Sha512::digest(text.as_bytes()).to_vec())
}
