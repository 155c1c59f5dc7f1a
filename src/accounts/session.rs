//! What a session holds. The one file that knows its keys.

use std::future::{Ready, ready};

use actix_session::{Session, SessionExt as _};
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

use crate::accounts::model::User;
use crate::base::client_info::ClientInfo;
use crate::base::id::PublicId;
use crate::web::error::PageError;

pub(crate) const USER: &str = "user";

/// The public identifier of the row; not kept in it but told by it.
pub(crate) const ID: &str = "id";

pub(crate) const IP: &str = "ip";

pub(crate) const AGENT: &str = "agent";

pub(crate) const UNAVAILABLE: &str = "unavailable";

const FLASH: &str = "flash";

/// The session of the browser that sent a request.
pub struct BrowserSession(Session);

impl BrowserSession {
    /// The uuid of who is signed in. An error if the session could not be read.
    pub fn user(&self) -> Result<Option<PublicId>, PageError> {
        if self.0.contains_key(UNAVAILABLE) {
            let why = self.0.get::<String>(UNAVAILABLE).ok().flatten().unwrap_or_default();
            return Err(PageError::Unavailable(format!("the session can't be read: {why}")));
        }
        Ok(self.0.get::<String>(USER).ok().flatten().and_then(|uuid| uuid.parse().ok()))
    }

    /// The session's public identifier; `None` before it is kept for the first time.
    #[must_use]
    pub fn id(&self) -> Option<PublicId> {
        self.0.get::<String>(ID).ok().flatten().and_then(|uuid| uuid.parse().ok())
    }

    /// Signs `user` in under a new key: a key from before, which somebody else may know, is worth nothing.
    pub fn sign_in(&self, user: &User, client: &ClientInfo) -> Result<(), PageError> {
        self.reset();
        self.set(USER, user.uuid.as_str())?;
        self.set(IP, &client.ip_text())?;
        client.agent.as_deref().map_or(Ok(()), |agent| self.set(AGENT, agent))
    }

    /// Goes on under a new key, after the person proved once more who they are: a copy of the old one is worth nothing.
    pub fn renew(&self) {
        self.0.renew();
    }

    /// Forgets who was signed in, and goes on as nobody's under a new key.
    pub fn reset(&self) {
        self.0.clear();
        self.0.renew();
    }

    /// Deletes the session here and in the browser.
    pub fn sign_out(&self) {
        self.0.purge();
    }

    /// Leaves a sentence for the next page to say once. Never a secret: it is stored.
    pub fn flash(&self, sentence: &str) -> Result<(), PageError> {
        self.set(FLASH, sentence)
    }

    /// Takes the sentence that the page before left.
    #[must_use]
    pub fn take_flash(&self) -> Option<String> {
        // A look first: taking marks the session as changed, and most pages find nothing.
        self.0.get::<String>(FLASH).ok().flatten().inspect(|_| {
            self.0.remove(FLASH);
        })
    }

    fn set(&self, key: &str, value: &str) -> Result<(), PageError> {
        self.0.insert(key, value).map_err(|error| PageError::Internal(format!("a session can't hold {key}: {error}")))
    }
}

impl FromRequest for BrowserSession {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(request.get_session())))
    }
}
