//! Sessions in the database, behind actix-session. The cookie holds a key, the table its SHA-256.

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

use crate::accounts::session::{AGENT, ID, IP, UNAVAILABLE, USER};
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::base::random;
use crate::db::ids::UserId;
use crate::db::schema::{sessions, users};
use crate::db::{DbConnection, DbError};
use crate::web::app_state::AppState;
use crate::web::error::PageError;

/// A session that nobody uses for this long is over.
const IDLE_TIMEOUT: Duration = Duration::from_hours(168);

/// A session is over after this long, used or not.
const MAX_LIFETIME: Duration = Duration::from_hours(720);

/// How often at most it is written down that a session is in use.
const LAST_SEEN_INTERVAL: Duration = Duration::from_hours(1);

type State = HashMap<String, String>;

/// The table of sessions.
#[derive(Clone)]
pub struct DbSessionStore(AppState);

/// The middleware that gives every page its session. The cookie is `__Host-latchkey` where TLS lets it be.
#[must_use]
pub fn session_middleware(app: &AppState, site_key: &[u8]) -> SessionMiddleware<DbSessionStore> {
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

/// Middleware around [`session_middleware`], which makes a bare 500 of a session that can't be written: 503 is what it is.
pub async fn map_session_errors(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    next.call(request).await.map_err(|error| {
        let is_loss = error.as_error::<InternalError<SaveError>>().is_some()
            || error.as_error::<InternalError<anyhow::Error>>().is_some();
        if is_loss { PageError::Unavailable("the session can't be written".to_owned()).into() } else { error }
    })
}

fn digest(key: &SessionKey) -> Vec<u8> {
    Sha256::digest(key.as_ref()).to_vec()
}

/// A text that actix-session wrote as JSON.
fn text_of(state: &State, key: &str) -> Option<String> {
    state.get(key).and_then(|json| serde_json::from_str(json).ok())
}

impl SessionStore for DbSessionStore {
    async fn load(&self, key: &SessionKey) -> Result<Option<State>, LoadError> {
        let (digest, now) = (digest(key), self.0.clock.now());
        let wanted = digest.clone();
        let found = self
            .0
            .db
            .read(move |conn| {
                let row = sessions::table
                    .filter(sessions::digest.eq(wanted))
                    .filter(sessions::expires_at.gt(now.micros()))
                    .filter(sessions::last_seen_at.gt((now - IDLE_TIMEOUT).micros()))
                    .select((sessions::uuid, sessions::state, sessions::last_seen_at))
                    .get_result::<(PublicId, String, Timestamp)>(conn)
                    .optional()?;
                Ok::<_, DbError>(row)
            })
            .await;
        let (uuid, state, last_seen_at) = match found {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(None),
            // actix-session would make a bare 500 of an error. A session that says why makes the 503 that it is.
            Err(error) => {
                let why = serde_json::Value::from(error.to_string()).to_string();
                return Ok(Some(State::from([(UNAVAILABLE.to_owned(), why)])));
            }
        };
        if now.since(last_seen_at) >= LAST_SEEN_INTERVAL {
            let seen = self.0.db.write(move |conn| {
                diesel::update(sessions::table.filter(sessions::digest.eq(&digest)))
                    .set(sessions::last_seen_at.eq(now.micros()))
                    .execute(conn)?;
                Ok::<_, DbError>(())
            });
            if let Err(error) = seen.await {
                log::warn!("a session's last use was not written: {error}");
            }
        }
        let mut state: State =
            serde_json::from_str(&state).map_err(|error| LoadError::Deserialization(error.into()))?;
        // Which row it is, told by the row itself: a session that goes on under a new key is a new row.
        state.insert(ID.to_owned(), format!("\"{uuid}\""));
        Ok(Some(state))
    }

    async fn save(&self, state: State, _: &CookieDuration) -> Result<SessionKey, SaveError> {
        let key = generate_session_key();
        let (digest, now) = (digest(&key), self.0.clock.now());
        let uuid = PublicId::new(now, &mut random::os_rng());
        let json = serde_json::to_string(&state).map_err(|error| SaveError::Serialization(error.into()))?;
        self.0
            .db
            .write(move |conn| {
                let over =
                    sessions::expires_at.le(now.micros()).or(sessions::last_seen_at.le((now - IDLE_TIMEOUT).micros()));
                diesel::delete(sessions::table.filter(over)).execute(conn)?;
                let user = match text_of(&state, USER) {
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
                        sessions::ip.eq(text_of(&state, IP)),
                        sessions::agent.eq(text_of(&state, AGENT)),
                    ))
                    .execute(conn)?;
                Ok::<_, DbError>(())
            })
            .await
            .map_err(|error| {
                log::warn!("a session can't be written: {error}");
                SaveError::Other(error.into())
            })?;
        Ok(key)
    }

    async fn update(&self, key: SessionKey, state: State, _: &CookieDuration) -> Result<SessionKey, UpdateError> {
        let digest = digest(&key);
        let json = serde_json::to_string(&state).map_err(|error| UpdateError::Serialization(error.into()))?;
        // An update, never an insert: a session that was ended meanwhile stays ended.
        let written = self
            .0
            .db
            .write(move |conn| {
                diesel::update(sessions::table.filter(sessions::digest.eq(&digest)))
                    .set(sessions::state.eq(&json))
                    .execute(conn)?;
                Ok::<_, DbError>(())
            })
            .await;
        // What was done is done; only the sentence about it is lost. Who signs in gets another session instead.
        if let Err(error) = written {
            log::warn!("what the next page was to say can't be written: {error}");
        }
        Ok(key)
    }

    /// Nothing to do: the rows know their own end.
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
            .inspect_err(|error| log::warn!("a session can't be ended: {error}"))?;
        Ok(())
    }
}

/// A session as its owner's list shows it.
#[derive(Debug, Clone)]
pub struct SessionRecord {
    /// The public identifier.
    pub uuid: PublicId,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last seen in use, to the hour.
    pub last_seen_at: Timestamp,
    /// The address that signed in.
    pub ip: Option<String>,
    /// The browser that did.
    pub agent: Option<String>,
}

/// A [`SessionRecord`] as it comes from the database.
type SessionRow = (PublicId, Timestamp, Timestamp, Option<String>, Option<String>);

/// A user's sessions that are not over, the one seen last first.
pub fn list_by_user(conn: &mut DbConnection, user: UserId, now: Timestamp) -> Result<Vec<SessionRecord>, DbError> {
    let rows = sessions::table
        .filter(sessions::user_id.eq(user.0))
        .filter(sessions::expires_at.gt(now.micros()))
        .filter(sessions::last_seen_at.gt((now - IDLE_TIMEOUT).micros()))
        .order((sessions::last_seen_at.desc(), sessions::created_at.desc()))
        .select((sessions::uuid, sessions::created_at, sessions::last_seen_at, sessions::ip, sessions::agent))
        .load::<SessionRow>(conn)?;
    let record =
        |(uuid, created_at, last_seen_at, ip, agent)| SessionRecord { uuid, created_at, last_seen_at, ip, agent };
    Ok(rows.into_iter().map(record).collect())
}

/// Ends one of a user's sessions; `false` if there is none of this name.
pub(crate) fn end(conn: &mut DbConnection, user: UserId, session: &PublicId) -> Result<bool, DbError> {
    let one = sessions::table.filter(sessions::user_id.eq(user.0)).filter(sessions::uuid.eq(session.as_str()));
    Ok(diesel::delete(one).execute(conn)? > 0)
}

/// Ends a user's sessions but this one. Returns how many.
pub(crate) fn end_others(conn: &mut DbConnection, user: UserId, this: &PublicId) -> Result<usize, DbError> {
    let others = sessions::table.filter(sessions::user_id.eq(user.0)).filter(sessions::uuid.ne(this.as_str()));
    Ok(diesel::delete(others).execute(conn)?)
}

/// Ends all of a user's sessions.
pub(crate) fn end_all(conn: &mut DbConnection, user: UserId) -> Result<(), DbError> {
    diesel::delete(sessions::table.filter(sessions::user_id.eq(user.0))).execute(conn)?;
    Ok(())
}
