//! Settings of the whole site: the cookie secret and the public URL.

use diesel::prelude::*;
use sha2::Digest as _;

use crate::base::public_url::PublicUrl;
use crate::base::random::{self, CryptoRng};
use crate::db::schema::settings;
use crate::db::transaction::advisory_lock;
use crate::db::{DbConnection, DbError};

/// Holds the site's one row that everything about first users locks, until the end of the transaction.
pub fn lock_site(conn: &mut DbConnection) -> Result<(), DbError> {
    diesel::update(settings::table.filter(settings::key.eq(COOKIE_SECRET)))
        .set(settings::key.eq(COOKIE_SECRET))
        .execute(conn)?;
    Ok(())
}

pub(crate) const COOKIE_SECRET: &str = "site_key";

pub(crate) const PUBLIC_URL: &str = "public_url";

/// Writes down where people reach this site, so that a command on the machine can print links that lead there.
pub fn remember_public_url(conn: &mut DbConnection, url: &PublicUrl) -> Result<(), DbError> {
    lock_site(conn)?;
    let there = settings::table.filter(settings::key.eq(PUBLIC_URL));
    if diesel::update(there).set(settings::value.eq(url.origin())).execute(conn)? == 0 {
        let row = (settings::key.eq(PUBLIC_URL), settings::value.eq(url.origin()));
        diesel::insert_into(settings::table).values(row).execute(conn)?;
    }
    Ok(())
}

/// Where people reach this site, as the server that was started last says.
pub fn public_url(conn: &mut DbConnection) -> Result<Option<PublicUrl>, DbError> {
    let there = settings::table.filter(settings::key.eq(PUBLIC_URL)).select(settings::value);
    Ok(there.get_result::<String>(conn).optional()?.and_then(|url| url.parse().ok()))
}

/// "site key" as a number: of several instances that start on an empty database, one makes it.
pub(crate) const COOKIE_SECRET_LOCK: i64 = 0x7369_7465_206b_6579;

/// The key that signs cookies, 64 bytes; made by whichever process comes first and the same for all.
pub fn cookie_secret(conn: &mut DbConnection, rng: &mut impl CryptoRng) -> Result<Vec<u8>, DbError> {
    advisory_lock(conn, COOKIE_SECRET_LOCK)?;
    let there = settings::table.filter(settings::key.eq(COOKIE_SECRET)).select(settings::value);
    let there = there.get_result::<String>(conn).optional()?;
    let text = if let Some(text) = there {
        text
    } else {
        let made = random::base62(rng, 86);
        let row = (settings::key.eq(COOKIE_SECRET), settings::value.eq(&made));
        diesel::insert_into(settings::table).values(row).execute(conn)?;
        made
    };
    // 86 base62 characters hold the 512 bits that the key is derived down to.
    Ok(sha2::Sha512::digest(text.as_bytes()).to_vec())
}
