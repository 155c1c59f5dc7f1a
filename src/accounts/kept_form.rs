//! A form that was submitted without a session: the browser keeps it, encrypted, until the same user has signed in.
//!
//! It is in a cookie until the user signs in, then in their session until the page of the form is opened. Must not give it to
//! another user than the one for whom the form's page was rendered.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use actix_web::cookie::time::Duration as CookieDuration;
use actix_web::cookie::{Cookie, CookieJar, Key, SameSite};
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use sha2::{Digest as _, Sha512};

use crate::accounts::session::{BrowserSession, Flash};
use crate::base::clock::{MAX_CLOCK_SKEW, Timestamp};
use crate::base::id::PublicId;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::form::{Field, Form};

/// Time for which a form is kept.
const MAX_AGE: Duration = Duration::from_hours(1);

/// Maximum length of a kept form. Encrypted, it fits with the other headers into the 4 KiB that proxies reserve for the head
/// of a response.
const MAX_BYTES: usize = 1700;

/// The authenticated data of the encryption.
const CONTEXT: &str = "form";

/// The key that encrypts kept forms.
pub(crate) struct KeptFormKey(Key);

impl KeptFormKey {
    /// Derives the key from `site_key`, which all instances share.
    #[must_use]
    pub(crate) fn new(site_key: &[u8]) -> Self {
        let mut sha = Sha512::new_with_prefix(b"latchkey kept forms");
        sha.update(site_key);
        Self(Key::from(&sha.finalize()))
    }

    fn from_request(request: &HttpRequest) -> Result<web::Data<Self>, PageError> {
        let key = request.app_data::<web::Data<Self>>().cloned();
        key.ok_or_else(|| PageError::Internal("no KeptFormKey in the app data".to_owned()))
    }

    /// Encrypts with AES-256-GCM, as the private cookies of the cookie crate.
    fn encrypt(&self, text: String) -> Option<String> {
        let mut jar = CookieJar::new();
        jar.private_mut(&self.0).add(Cookie::new(CONTEXT, text));
        jar.get(CONTEXT).map(|cookie| cookie.value().to_owned())
    }

    fn decrypt(&self, encrypted: &str) -> Option<String> {
        let cookie = Cookie::new(CONTEXT, encrypted.to_owned());
        CookieJar::new().private(&self.0).decrypt(cookie).map(|cookie| cookie.value().to_owned())
    }
}

/// A form of a user.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct KeptForm {
    /// The UUID of the user for whom the form's page was rendered.
    user: String,
    /// The path of the page that shows the form.
    page: String,
    /// The time of the submission, in microseconds.
    at: i64,
    fields: Vec<(String, String)>,
}

impl KeptForm {
    /// Creates a form that was submitted at `at`.
    pub(crate) fn new(user: &PublicId, page: &str, at: Timestamp, fields: Vec<(String, String)>) -> Self {
        Self { user: user.to_string(), page: page.to_owned(), at: at.micros(), fields }
    }

    /// Encrypts the form. Returns `None` if it is too long.
    fn encrypt(&self, key: &KeptFormKey) -> Option<String> {
        let text = serde_json::to_string(self).ok().filter(|text| text.len() <= MAX_BYTES)?;
        key.encrypt(text)
    }

    /// Decrypts a form. Returns `None` if it was not encrypted with this key or is too old.
    fn decrypt(encrypted: &str, key: &KeptFormKey, now: Timestamp) -> Option<Self> {
        let form: Self = serde_json::from_str(&key.decrypt(encrypted)?).ok()?;
        let at = Timestamp::from_micros(form.at);
        (at <= now + MAX_CLOCK_SKEW && now.since(at) < MAX_AGE).then_some(form)
    }

    fn is_of(&self, user: &PublicId) -> bool {
        self.user == user.as_str()
    }
}

fn cookie_name(is_https: bool) -> &'static str {
    if is_https { "__Host-latchkey-form" } else { "latchkey-form" }
}

fn cookie(value: String, max_age: Duration, is_https: bool) -> Cookie<'static> {
    let seconds = i64::try_from(max_age.as_secs()).unwrap_or_default();
    Cookie::build(cookie_name(is_https), value)
        .path("/")
        .http_only(true)
        .secure(is_https)
        .same_site(SameSite::Strict)
        .max_age(CookieDuration::seconds(seconds))
        .finish()
}

/// Returns the cookie with an encrypted form; `None` if the form is too long.
pub(super) fn new_cookie(request: &HttpRequest, form: &KeptForm) -> Result<Option<Cookie<'static>>, PageError> {
    let (app, key) = (AppState::from_request(request)?, KeptFormKey::from_request(request)?);
    let encrypted = form.encrypt(&key);
    Ok(encrypted.map(|encrypted| cookie(encrypted, MAX_AGE, app.site.public_url.is_https())))
}

/// The cookie of a request to the login page.
pub(crate) struct KeptFormCookie {
    /// The encrypted text, if there is a cookie.
    encrypted: Option<String>,
    /// The form, if the cookie is valid.
    form: Option<KeptForm>,
    is_https: bool,
}

impl KeptFormCookie {
    /// Returns whether the cookie has a form of the page `next`.
    pub(crate) fn is_for(&self, next: &str) -> bool {
        self.form.as_ref().is_some_and(|form| form.page == next)
    }

    /// Moves the form to the session of `user`, who goes on to the page `next`. A form of another page stays in the cookie. An
    /// invalid one, and one of another user, is removed.
    pub(crate) fn move_to_session(
        &self,
        session: &BrowserSession,
        user: &PublicId,
        next: &str,
        response: &mut HttpResponse,
    ) -> Result<(), PageError> {
        let Some(encrypted) = &self.encrypted else { return Ok(()) };
        let form = self.form.as_ref().filter(|form| form.is_of(user));
        if form.is_some_and(|form| form.page != next) {
            return Ok(());
        }
        if form.is_some() {
            session.keep_form(encrypted)?;
        }
        let removal = cookie(String::new(), Duration::ZERO, self.is_https);
        response.add_cookie(&removal).map_err(|error| PageError::Internal(error.to_string()))
    }
}

impl FromRequest for KeptFormCookie {
    type Error = PageError;
    type Future = std::future::Ready<Result<Self, PageError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let read = || {
            let (app, key) = (AppState::from_request(request)?, KeptFormKey::from_request(request)?);
            let is_https = app.site.public_url.is_https();
            let encrypted = request.cookie(cookie_name(is_https)).map(|cookie| cookie.value().to_owned());
            let form = encrypted.as_ref().and_then(|text| KeptForm::decrypt(text, &key, app.clock.now()));
            Ok(Self { encrypted, form, is_https })
        };
        std::future::ready(read())
    }
}

/// What the user had typed into the form of the requested page when their session ended. Only the first request of the page
/// after they signed in has it.
pub(crate) struct Prefill(Option<Form>);

impl Prefill {
    /// Returns the fields.
    pub(crate) fn form(&self) -> Option<&Form> {
        self.0.as_ref()
    }

    /// Sets the text of each of these fields that was submitted.
    pub(crate) fn fill<const N: usize>(&self, fields: [(&str, &mut Field); N]) {
        let Some(form) = &self.0 else { return };
        for (name, field) in fields.into_iter().filter(|(name, _)| form.is_present(name)) {
            *field = Field::new(form.text(name));
        }
    }

    /// Returns the message for the page.
    pub(crate) fn flash(&self) -> Option<Flash> {
        let text = "You’re signed in again. What you typed is still here, but not saved yet: check it, then submit the form again.";
        self.0.as_ref().map(|_| Flash { text: text.to_owned(), is_done: false })
    }
}

impl FromRequest for Prefill {
    type Error = PageError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, PageError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let session = BrowserSession::from_request(request, payload);
        let (app, key) = (AppState::from_request(request), KeptFormKey::from_request(request));
        let page = request.path().to_owned();
        Box::pin(async move {
            let (app, key) = (app?, key?);
            let session = session.await.map_err(|error| PageError::Internal(error.to_string()))?;
            let (Some(user), Some(encrypted)) = (session.user()?, session.kept_form()) else { return Ok(Self(None)) };
            let form = KeptForm::decrypt(&encrypted, &key, app.clock.now());
            if form.as_ref().is_some_and(|form| form.page != page) {
                return Ok(Self(None));
            }
            session.remove_kept_form();
            Ok(Self(form.filter(|form| form.is_of(&user.uuid)).map(|form| Form::from_fields(form.fields))))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = "0199c2b4-0000-7000-8000-000000000000";

    fn form(text: &str) -> KeptForm {
        let fields = vec![("name".to_owned(), text.to_owned())];
        KeptForm::new(&USER.parse().unwrap(), "/account", Timestamp::from_micros(1_000_000), fields)
    }

    #[test]
    fn only_the_same_key_decrypts_a_form_and_only_for_an_hour() {
        let (key, now) = (KeptFormKey::new(b"site key"), Timestamp::from_micros(1_000_000));
        let encrypted = form("Night sync").encrypt(&key).unwrap();
        assert_eq!(KeptForm::decrypt(&encrypted, &key, now), Some(form("Night sync")));
        assert_ne!(form("Night sync").encrypt(&key), Some(encrypted.clone()), "the nonce is new");
        let latest = now + MAX_AGE - Duration::from_micros(1);
        assert!(KeptForm::decrypt(&encrypted, &key, latest).is_some());
        assert!(KeptForm::decrypt(&encrypted, &key, now + MAX_AGE).is_none());
        assert!(KeptForm::decrypt(&encrypted, &KeptFormKey::new(b"another"), now).is_none());
        for at in [0, 20, encrypted.len() - 3] {
            let mut changed = encrypted.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(KeptForm::decrypt(&changed, &key, now).is_none(), "{at}");
        }
        for garbage in ["", "x", "AAAA", &"A".repeat(4000)] {
            assert!(KeptForm::decrypt(garbage, &key, now).is_none(), "{garbage}");
        }
    }

    #[test]
    fn a_cookie_is_short_enough_for_the_head_of_a_response() {
        let key = KeptFormKey::new(b"site key");
        let longest = (1..MAX_BYTES).rev().find_map(|length| form(&"x".repeat(length)).encrypt(&key)).unwrap();
        let cookie = cookie(longest, MAX_AGE, true).to_string();
        assert!((2200..2500).contains(&cookie.len()), "{}", cookie.len());
        assert!(form(&"x".repeat(MAX_BYTES)).encrypt(&key).is_none());
        // The longest note, in characters of four bytes.
        assert!(form(&"\u{1F511}".repeat(280)).encrypt(&key).is_some());
    }
}
