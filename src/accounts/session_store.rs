//! Session storage for actix-session, in the database. The cookie holds a key, the table its SHA-256.

use std::collections::HashMap;
use std::time::Duration;

use actix_session::SessionMiddleware;
use actix_session::config::{CookieContentSecurity, PersistentSession};
use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError, generate_session_key};
use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::cookie::time::Duration as CookieDuration;
use actix_web::cookie::{Key, SameSite};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::middleware::Next;
use diesel::prelude::*;
use sha2::{Digest as _, Sha256};

use crate::accounts::session::{AGENT, GENERATION, ID, IP, UNAVAILABLE, USER};
use crate::base::clock::{MAX_CLOCK_SKEW, Timestamp};
use crate::base::id::PublicId;
use crate::base::random;
use crate::db::ids::UserId;
use crate::db::schema::{sessions, users};
use crate::db::{DbConnection, DbError};
use crate::web::app_state::AppState;
use crate::web::error::PageError;

/// A session without use expires after this time.
const IDLE_TIMEOUT: Duration = Duration::from_hours(168);

/// A session expires after this time in any case.
const MAX_LIFETIME: Duration = Duration::from_hours(720);

/// Minimum time between two updates of a session's `last_seen_at`.
const LAST_SEEN_INTERVAL: Duration = Duration::from_hours(1);

/// Entries of a session; actix-session serializes each value as JSON.
type State = HashMap<String, String>;

/// The session store in the table `sessions`.
#[derive(Clone)]
pub(crate) struct DbSessionStore(AppState);

/// Returns the middleware that loads and saves the session of a request. The cookie is `__Host-latchkey`, or `latchkey`
/// without TLS, where browsers reject the prefix (RFC 6265bis, section 4.1.3.2).
#[must_use]
pub(crate) fn session_middleware(app: &AppState, site_key: &[u8]) -> SessionMiddleware<DbSessionStore> {
    let is_https = app.site.public_url.is_https();
    let lifetime = CookieDuration::seconds(i64::try_from(MAX_LIFETIME.as_secs()).unwrap_or(i64::MAX));
    SessionMiddleware::builder(DbSessionStore(app.clone()), Key::from(site_key))
        .cookie_name(if is_https { "__Host-latchkey" } else { "latchkey" }.to_owned())
        .cookie_secure(is_https)
        .cookie_http_only(true)
        .cookie_same_site(SameSite::Lax)
        .cookie_path("/".to_owned())
        .cookie_content_security(CookieContentSecurity::Signed)
        .session_lifecycle(PersistentSession::default().session_ttl(lifetime))
        .build()
}

/// Middleware around [`session_middleware`]: changes its 500 without a page, for a session that can't be written, to 503.
pub(crate) async fn map_session_errors(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    next.call(request).await.map_err(|error| {
        let is_write_error = error.as_error::<InternalError<SaveError>>().is_some()
            || error.as_error::<InternalError<anyhow::Error>>().is_some();
        if is_write_error { PageError::Unavailable("can't write the session".to_owned()).into() } else { error }
    })
}

fn digest(key: &SessionKey) -> Vec<u8> {
    Sha256::digest(key.as_ref()).to_vec()
}

/// Decodes the text of an entry; `None` if the state does not have it.
fn text_entry(state: &State, key: &str) -> serde_json::Result<Option<String>> {
    state.get(key).map(|json| serde_json::from_str(json)).transpose()
}

impl SessionStore for DbSessionStore {
    async fn load(&self, key: &SessionKey) -> Result<Option<State>, LoadError> {
        let (digest, now) = (digest(key), self.0.clock.now());
        let query_digest = digest.clone();
        let row = self
            .0
            .db
            .read(move |conn| {
                let row = sessions::table
                    .filter(sessions::digest.eq(query_digest))
                    .filter(sessions::expires_at.gt(now.micros()))
                    .filter(sessions::last_seen_at.gt((now - IDLE_TIMEOUT).micros()))
                    .filter(sessions::created_at.le((now + MAX_CLOCK_SKEW).micros()))
                    .select((sessions::uuid, sessions::state, sessions::last_seen_at))
                    .get_result::<(PublicId, String, Timestamp)>(conn)
                    .optional()?;
                Ok::<_, DbError>(row)
            })
            .await;
        let (uuid, state, last_seen_at) = match row {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(None),
            // actix-session answers an error with a 500 without a page. A session with this entry leads to a 503 page.
            Err(error) => {
                let reason = serde_json::Value::from(error.to_string()).to_string();
                return Ok(Some(State::from([(UNAVAILABLE.to_owned(), reason)])));
            }
        };
        if now.since(last_seen_at) >= LAST_SEEN_INTERVAL {
            let updated = self.0.db.write(move |conn| {
                diesel::update(sessions::table.filter(sessions::digest.eq(&digest)))
                    .set(sessions::last_seen_at.eq(now.micros()))
                    .execute(conn)?;
                Ok::<_, DbError>(())
            });
            if let Err(error) = updated.await {
                log::warn!("can't update the last use of a session: {error}");
            }
        }
        let mut state: State =
            serde_json::from_str(&state).map_err(|error| LoadError::Deserialization(error.into()))?;
        // Not part of the stored state, because a session with a new key is saved as a new row.
        state.insert(ID.to_owned(), format!("\"{uuid}\""));
        Ok(Some(state))
    }

    async fn save(&self, state: State, _: &CookieDuration) -> Result<SessionKey, SaveError> {
        let key = generate_session_key();
        let (digest, now) = (digest(&key), self.0.clock.now());
        let uuid = PublicId::new(now, &mut random::os_rng());
        let invalid = |error: serde_json::Error| SaveError::Serialization(error.into());
        let json = serde_json::to_string(&state).map_err(invalid)?;
        let user = text_entry(&state, USER).map_err(invalid)?;
        let generation = text_entry(&state, GENERATION).map_err(invalid)?.and_then(|text| text.parse::<i64>().ok());
        let (ip, agent) = (text_entry(&state, IP).map_err(invalid)?, text_entry(&state, AGENT).map_err(invalid)?);
        self.0
            .db
            .write(move |conn| {
                let user = match &user {
                    Some(uuid) => users::table
                        .filter(users::uuid.eq(uuid))
                        .select(users::id)
                        .get_result::<i64>(conn)
                        .optional()?,
                    None => None,
                };
                diesel::insert_into(sessions::table)
                    .values((
                        sessions::uuid.eq(uuid.as_str()),
                        sessions::digest.eq(&digest),
                        sessions::user_id.eq(user),
                        sessions::state.eq(&json),
                        sessions::created_at.eq(now.micros()),
                        sessions::last_seen_at.eq(now.micros()),
                        sessions::expires_at.eq((now + MAX_LIFETIME).micros()),
                        sessions::ip.eq(ip.as_deref()),
                        sessions::agent.eq(agent.as_deref()),
                        sessions::credentials_generation.eq(generation),
                    ))
                    .execute(conn)?;
                Ok::<_, DbError>(())
            })
            .await
            .map_err(|error| {
                log::warn!("can't save a session: {error}");
                SaveError::Other(error.into())
            })?;
        Ok(key)
    }

    async fn update(&self, key: SessionKey, state: State, _: &CookieDuration) -> Result<SessionKey, UpdateError> {
        let digest = digest(&key);
        let json = serde_json::to_string(&state).map_err(|error| UpdateError::Serialization(error.into()))?;
        // An update without an insert: a session that was ended meanwhile stays ended.
        let updated = self
            .0
            .db
            .write(move |conn| {
                diesel::update(sessions::table.filter(sessions::digest.eq(&digest)))
                    .set(sessions::state.eq(&json))
                    .execute(conn)?;
                Ok::<_, DbError>(())
            })
            .await;
        // Not an error: the request has succeeded, and only its flash message is lost. A login saves a new session instead.
        if let Err(error) = updated {
            log::warn!("can't save a flash message: {error}");
        }
        Ok(key)
    }

    /// Does nothing: `expires_at` is set once, and `load` updates `last_seen_at`.
    async fn update_ttl(&self, _: &SessionKey, _: &CookieDuration) -> Result<(), anyhow::Error> {
        Ok(())
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), anyhow::Error> {
        let digest = digest(key);
        self.0
            .db
            .write(move |conn| {
                diesel::delete(sessions::table.filter(sessions::digest.eq(&digest))).execute(conn)?;
                Ok::<_, DbError>(())
            })
            .await
            .inspect_err(|error| log::warn!("can't delete a session: {error}"))?;
        Ok(())
    }
}

/// A session in the user's list.
#[derive(Debug, Clone, Queryable)]
pub(crate) struct SessionRecord {
    pub uuid: PublicId,
    /// The time of the login.
    pub created_at: Timestamp,
    /// The last use, accurate to [`LAST_SEEN_INTERVAL`].
    pub last_seen_at: Timestamp,
    /// The client address at login.
    pub ip: Option<String>,
    /// The user agent at login.
    pub agent: Option<String>,
}

/// Lists a user's active sessions that were made with the current credentials, the most recently used first.
pub(crate) fn list_by_user(
    conn: &mut DbConnection,
    user: UserId,
    now: Timestamp,
) -> Result<Vec<SessionRecord>, DbError> {
    Ok(sessions::table
        .inner_join(users::table)
        .filter(sessions::user_id.eq(user.0))
        .filter(sessions::credentials_generation.eq(users::credentials_generation.nullable()))
        .filter(sessions::expires_at.gt(now.micros()))
        .filter(sessions::last_seen_at.gt((now - IDLE_TIMEOUT).micros()))
        .filter(sessions::created_at.le((now + MAX_CLOCK_SKEW).micros()))
        .order((sessions::last_seen_at.desc(), sessions::created_at.desc()))
        .select((sessions::uuid, sessions::created_at, sessions::last_seen_at, sessions::ip, sessions::agent))
        .load(conn)?)
}

/// Time for which an ended session stays: a clock that is ahead for days deletes none.
pub(crate) const ENDED_RETENTION: Duration = Duration::from_hours(7 * 24);

/// Counts the sessions, or those that ended before `before`.
pub(crate) fn count_ended(conn: &mut DbConnection, before: Option<Timestamp>) -> Result<i64, DbError> {
    let before = before.map_or(i64::MAX, Timestamp::micros);
    Ok(sessions::table.filter(sessions::expires_at.lt(before)).count().get_result(conn)?)
}

/// The time of the last use of any session.
pub(crate) fn newest(conn: &mut DbConnection) -> Result<Option<Timestamp>, DbError> {
    let newest = sessions::table.select(diesel::dsl::max(sessions::last_seen_at)).get_result::<Option<i64>>(conn)?;
    Ok(newest.map(Timestamp::from_micros))
}

/// Deletes the oldest sessions that ended before `before`, at most `limit`. Returns their number.
pub(crate) fn purge(conn: &mut DbConnection, before: Timestamp, limit: i64) -> Result<usize, DbError> {
    let oldest =
        sessions::table.filter(sessions::expires_at.lt(before.micros())).order(sessions::expires_at).limit(limit);
    let uuids = oldest.select(sessions::uuid).load::<String>(conn)?;
    let mut deleted = 0;
    for uuids in uuids.chunks(1000) {
        deleted += diesel::delete(sessions::table.filter(sessions::uuid.eq_any(uuids))).execute(conn)?;
    }
    Ok(deleted)
}

/// Ends one of a user's sessions. Returns `false` if the user has no such session.
pub(crate) fn end(conn: &mut DbConnection, user: UserId, session: &PublicId) -> Result<bool, DbError> {
    let one = sessions::table.filter(sessions::user_id.eq(user.0)).filter(sessions::uuid.eq(session.as_str()));
    Ok(diesel::delete(one).execute(conn)? > 0)
}

/// Ends a user's sessions except `current`, or all of them. Returns their number.
pub(crate) fn end_others(conn: &mut DbConnection, user: UserId, current: Option<&PublicId>) -> Result<usize, DbError> {
    // No session has this identifier.
    let current = current.map_or("", PublicId::as_str);
    let others = sessions::table.filter(sessions::user_id.eq(user.0)).filter(sessions::uuid.ne(current));
    Ok(diesel::delete(others).execute(conn)?)
}
