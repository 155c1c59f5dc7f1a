//! The session of a request, and the keys of its entries.

use std::fmt::Display;
use std::future::{Ready, ready};
use std::str::FromStr;

use actix_session::{Session, SessionExt as _};
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

use crate::accounts::model::{CredentialsGeneration, User};
use crate::base::client_info::ClientInfo;
use crate::base::id::PublicId;
use crate::web::error::PageError;

/// Key of the signed-in user's UUID.
pub(crate) const USER: &str = "user";

/// Key of the generation of the user's credentials at login.
pub(crate) const GENERATION: &str = "credentials_generation";

/// Key of the public identifier of the session's row. The stored state does not contain it; the store adds it.
pub(crate) const ID: &str = "id";

/// Key of the client address at login.
pub(crate) const IP: &str = "ip";

/// Key of the user agent at login.
pub(crate) const AGENT: &str = "agent";

/// Key of the reason why the store could not load the session.
pub(crate) const UNAVAILABLE: &str = "unavailable";

const FLASH: &str = "flash";

const NOTE: &str = "note";

/// Key of the encrypted form that the user had filled in before they signed in again.
const KEPT_FORM: &str = "kept_form";

/// The message of the previous page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flash {
    pub text: String,
    /// Whether something was done. The panel of such a message is green.
    pub is_done: bool,
}

/// An entry of a session that can't be decoded.
#[derive(Debug, thiserror::Error)]
#[error("the session entry {key} is invalid: {reason}")]
struct InvalidEntry {
    key: &'static str,
    reason: String,
}

/// The signed-in user of a session. [`crate::accounts::extract::SignedIn`] loads the user if the generation is the current
/// one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionUser {
    pub uuid: PublicId,
    /// The generation of the user's credentials at login.
    pub generation: CredentialsGeneration,
}

/// The session of a request by a signed-in user.
#[derive(Debug, Clone)]
pub struct CurrentSession {
    pub id: PublicId,
    /// The generation of the user's credentials at login.
    pub generation: CredentialsGeneration,
}

/// The session of the browser that sent a request.
pub struct BrowserSession(Session);

impl BrowserSession {
    /// Returns the signed-in user. An entry that can't be decoded is logged and counts as signed out.
    ///
    /// # Errors
    ///
    /// Returns [`PageError::Unavailable`] if the session could not be loaded.
    pub fn user(&self) -> Result<Option<SessionUser>, PageError> {
        match self.entry::<String>(UNAVAILABLE) {
            Ok(None) => {
                let generation = valid_or_none(self.entry(GENERATION));
                let user = valid_or_none(self.entry(USER)).zip(generation);
                Ok(user.map(|(uuid, generation)| SessionUser { uuid, generation }))
            }
            Ok(Some(reason)) => Err(PageError::Unavailable(format!("can't load the session: {reason}"))),
            Err(error) => Err(PageError::Unavailable(error.to_string())),
        }
    }

    /// Returns the session's public identifier; `None` until the session is saved for the first time.
    #[must_use]
    pub fn id(&self) -> Option<PublicId> {
        valid_or_none(self.entry(ID))
    }

    /// Returns the session of a signed-in user. It fails without one.
    pub fn current(&self) -> Result<CurrentSession, PageError> {
        let (id, user) = (self.id(), self.user()?);
        id.zip(user)
            .map(|(id, user)| CurrentSession { id, generation: user.generation })
            .ok_or_else(|| PageError::Internal("a signed-in request has a session without an id".to_owned()))
    }

    /// Decodes an entry; `None` if the session does not have it.
    fn entry<T: FromStr<Err: Display>>(&self, key: &'static str) -> Result<Option<T>, InvalidEntry> {
        let invalid = |reason: String| InvalidEntry { key, reason };
        let text = self.0.get::<String>(key).map_err(|error| invalid(error.to_string()))?;
        text.map(|text| text.parse().map_err(|error: T::Err| invalid(error.to_string()))).transpose()
    }

    /// Signs `user` in. The session gets a new key, which prevents session fixation. `generation` is that of the credentials
    /// at the time of their check, so that the session is not valid if they change before it is saved.
    pub fn sign_in(
        &self,
        user: &User,
        generation: CredentialsGeneration,
        client: &ClientInfo,
    ) -> Result<(), PageError> {
        self.reset();
        self.set(USER, user.uuid.as_str())?;
        self.set(GENERATION, &generation.to_string())?;
        self.set(IP, &client.ip_text())?;
        client.agent.as_deref().map_or(Ok(()), |agent| self.set(AGENT, agent))
    }

    /// Replaces the session's key and the generation of its credentials, after the user started a new one: the old key
    /// becomes invalid.
    pub fn renew(&self, generation: CredentialsGeneration) -> Result<(), PageError> {
        self.0.renew();
        self.set(GENERATION, &generation.to_string())
    }

    /// Removes all entries and replaces the session's key.
    pub fn reset(&self) {
        self.0.clear();
        self.0.renew();
    }

    /// Deletes the session and its cookie.
    pub fn sign_out(&self) {
        self.0.purge();
    }

    /// Stores a message for the next page: something was done. It must not contain a secret, because the database stores it.
    pub fn flash(&self, message: &str) -> Result<(), PageError> {
        self.set(FLASH, message)
    }

    /// Like [`BrowserSession::flash`], but nothing was done.
    pub fn note(&self, message: &str) -> Result<(), PageError> {
        self.set(NOTE, message)
    }

    /// Removes and returns the message of the previous page.
    #[must_use]
    pub fn take_flash(&self) -> Option<Flash> {
        let done = self.take(FLASH).map(|text| Flash { text, is_done: true });
        done.or_else(|| self.take(NOTE).map(|text| Flash { text, is_done: false }))
    }

    /// Stores an encrypted form for its page. It must be encrypted, because the database stores it.
    pub(super) fn keep_form(&self, encrypted: &str) -> Result<(), PageError> {
        self.set(KEPT_FORM, encrypted)
    }

    /// Returns the encrypted form.
    pub(super) fn kept_form(&self) -> Option<String> {
        valid_or_none(self.entry(KEPT_FORM))
    }

    /// Removes the encrypted form.
    pub(super) fn remove_kept_form(&self) {
        self.0.remove(KEPT_FORM);
    }

    fn take(&self, key: &'static str) -> Option<String> {
        // Reads first: `remove` marks the session as changed, which writes it, and most sessions have no message.
        valid_or_none(self.entry(key)).inspect(|_: &String| {
            self.0.remove(key);
        })
    }

    fn set(&self, key: &str, value: &str) -> Result<(), PageError> {
        self.0
            .insert(key, value)
            .map_err(|error| PageError::Internal(format!("can't store the session entry {key}: {error}")))
    }
}

/// Logs an invalid entry and treats it as missing: the user can sign in again, which replaces the session.
fn valid_or_none<T>(entry: Result<Option<T>, InvalidEntry>) -> Option<T> {
    entry.unwrap_or_else(|error| {
        log::warn!("{error}");
        None
    })
}

impl FromRequest for BrowserSession {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(request.get_session())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;
    use serde_json::{Value, json};

    const UUID: &str = "0199c2b4-0000-7000-8000-000000000000";

    fn session(entries: &[(&str, Value)]) -> BrowserSession {
        let session = TestRequest::default().to_http_request().get_session();
        for (key, value) in entries {
            session.insert(*key, value).unwrap();
        }
        BrowserSession(session)
    }

    #[test]
    fn an_entry_is_decoded_or_missing() {
        let signed_in = session(&[(USER, json!(UUID)), (GENERATION, json!("7")), (FLASH, json!("Saved."))]);
        let user = SessionUser { uuid: UUID.parse().unwrap(), generation: CredentialsGeneration(7) };
        assert_eq!(signed_in.user().unwrap(), Some(user));
        let saved = Flash { text: "Saved.".to_owned(), is_done: true };
        assert_eq!((signed_in.take_flash(), signed_in.take_flash()), (Some(saved), None));
        assert_eq!((signed_in.id(), session(&[]).user().unwrap()), (None, None));
    }

    #[test]
    fn an_invalid_entry_is_an_error_with_its_key_and_counts_as_signed_out() {
        for value in [json!(7), json!(null), json!("not a UUID"), json!("")] {
            let invalid = session(&[(USER, value.clone()), (GENERATION, json!("7"))]);
            let error = invalid.entry::<PublicId>(USER).unwrap_err().to_string();
            assert!(error.starts_with("the session entry user is invalid: "), "{error}");
            assert_eq!(invalid.user().unwrap(), None, "{value}");
        }
    }

    #[test]
    fn a_session_without_a_valid_generation_is_signed_out() {
        assert_eq!(session(&[(USER, json!(UUID))]).user().unwrap(), None);
        for value in [json!(7), json!(null), json!(""), json!("7a"), json!("9223372036854775808")] {
            assert_eq!(session(&[(USER, json!(UUID)), (GENERATION, value.clone())]).user().unwrap(), None, "{value}");
        }
    }

    #[test]
    fn a_session_that_could_not_be_loaded_is_unavailable() {
        for (value, reason) in
            [(json!("disk full"), "can't load the session: disk full"), (json!(7), "unavailable is invalid")]
        {
            let error = session(&[(USER, json!(UUID)), (UNAVAILABLE, value)]).user().unwrap_err();
            assert!(matches!(&error, PageError::Unavailable(text) if text.contains(reason)), "{error}");
        }
    }
}
