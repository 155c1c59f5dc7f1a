//! A forgotten password: whoever runs the server makes a link for the person, who sets a new one by it.

use crate::accounts::access::end_sessions_and_reset_links;
use crate::accounts::model::PasswordHash;
use crate::accounts::model::{EmailAddress, User};
use crate::accounts::one_time_links::{self, CodeDigest, LinkDetails, NewLink, OneTimeCode, Purpose};
use crate::accounts::store::{lock_user, set_password, user_by_email, user_by_uuid};
use crate::audit::event::{Event, EventKind};
use crate::base::client_info::ClientInfo;
use crate::base::clock::Timestamp;
use crate::base::random::CryptoRng;
use crate::db::{Db, DbConnection, DbError, FromDb};
use crate::web::app_state::AppState;

/// Why there is no link, or it changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    /// There is nobody with this address.
    #[error("there is no user with this e-mail address")]
    Nobody,
    /// The person is kept out.
    #[error("they are deactivated; activate them first")]
    Deactivated,
    /// The link is unknown, used or expired, or its person is kept out: one answer for all.
    #[error("the link does not work")]
    DeadLink,
    /// A query failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl FromDb for ResetError {
    fn as_db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) => Some(error),
            Self::Nobody | Self::Deactivated | Self::DeadLink => None,
        }
    }
}

/// Makes a link for the person with this address; one from before stops working. The code is to be shown once.
pub fn new_link(
    db: &Db,
    email: &EmailAddress,
    now: Timestamp,
    rng: &mut impl CryptoRng,
) -> Result<OneTimeCode, ResetError> {
    let (user, _) = db.read_blocking(|conn| user_by_email(conn, email))?.ok_or(ResetError::Nobody)?;
    let code = OneTimeCode::generate(rng);
    let about = LinkDetails { user: Some(user.uuid), ..LinkDetails::default() };
    let link = NewLink::new(&code, Purpose::Reset, about, now, rng);
    db.write_blocking(|conn| {
        let (user, _) = lock_user(conn, user.key)?.ok_or(ResetError::Nobody)?;
        if !user.is_active {
            return Err(ResetError::Deactivated);
        }
        one_time_links::store::delete_reset_links(conn, &user.uuid)?;
        one_time_links::store::insert(conn, &link)?;
        let actor = Some(user.uuid.as_str());
        Event { actor, detail: Some("command line"), ..Event::new(now, EventKind::ResetLinkMade) }.record(conn)?;
        Ok(())
    })?;
    Ok(code)
}

/// Whose password the holder of this code may set.
pub async fn find(app: &AppState, code: &str) -> Result<User, ResetError> {
    let (code, now) = (digest(code)?, app.clock.now());
    app.db.read(move |conn| person_of(conn, &code, now)).await
}

/// Sets a new password and ends all of the person's sessions; of two people at the same moment, one. Tokens stay.
/// Nobody is signed in by it: whoever found the link does not get in without choosing a password, which the
/// person then notices.
pub async fn run(app: &AppState, code: &str, new: PasswordHash, client: ClientInfo) -> Result<User, ResetError> {
    let (code, now) = (digest(code)?, app.clock.now());
    app.db
        .write(move |conn| {
            let user = person_of(conn, &code, now)?;
            let locked = lock_user(conn, user.key)?;
            let Some((user, _)) = locked.filter(|(user, _)| user.is_active) else { return Err(ResetError::DeadLink) };
            if !one_time_links::store::consume(conn, Purpose::Reset, &code, now)? {
                return Err(ResetError::DeadLink);
            }
            set_password(conn, user.key, &new)?;
            end_sessions_and_reset_links(conn, &user)?;
            Event {
                actor: Some(user.uuid.as_str()),
                client: Some(&client),
                detail: Some("reset link"),
                ..Event::new(now, EventKind::PasswordChanged)
            }
            .record(conn)?;
            Ok(user)
        })
        .await
}

fn digest(code: &str) -> Result<CodeDigest, ResetError> {
    code.parse::<OneTimeCode>().map(|code| code.digest()).map_err(|_| ResetError::DeadLink)
}

fn person_of(conn: &mut DbConnection, code: &CodeDigest, now: Timestamp) -> Result<User, ResetError> {
    let link = one_time_links::store::find(conn, Purpose::Reset, code, now)?.ok_or(ResetError::DeadLink)?;
    let user = match &link.user {
        Some(uuid) => user_by_uuid(conn, uuid)?,
        None => None,
    };
    user.filter(|user| user.is_active).ok_or(ResetError::DeadLink)
}
