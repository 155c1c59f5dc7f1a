//! Who you are: users, their passwords, their sessions, links that work once. Knows nothing of workspaces.

pub mod account;
pub mod agent;
pub mod extract;
pub mod links;
pub mod pages;
pub mod password;
pub mod reset;
pub mod session;
pub mod session_store;
pub mod sign_in;
pub mod store;

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sha2::{Digest as _, Sha256};

use crate::kernel::clock::Timestamp;
use crate::kernel::db::events::{Event, EventKind};
use crate::kernel::db::{Conn, Db, DbError, FromDb};
use crate::kernel::id::Id;
use crate::kernel::rng::CryptoRng;
use crate::kernel::text::{Label, Refused, fold};
use crate::kernel::web::client::Client;
use password::{PasswordHash, Passwords};
pub use session_store::{Sessions, session_layer, tell_of_loss};
pub use sign_in::{SignInError, sign_in};
use store::UserKey;

/// An e-mail address: something before an `@`, something after it, nothing invisible. Whether mail arrives there
/// is not asked; it is the name to sign in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// The address as it was typed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address as it is compared: letters' case does not count.
    #[must_use]
    pub fn key(&self) -> String {
        fold(&self.0)
    }
}

impl FromStr for EmailAddress {
    type Err = Refused;
    fn from_str(text: &str) -> Result<Self, Refused> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Refused::because("Enter an e-mail address."));
        }
        // RFC 5321, section 4.5.3.1: a path is at most 256 octets with its angle brackets.
        if text.len() > 254 {
            return Err(Refused::because("Use an e-mail address of at most 254 characters."));
        }
        let fits = text.rsplit_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && !domain.is_empty() && !domain.starts_with('.') && !local.contains('@')
        });
        // A label's rule for what deceives the eye holds here too; no blank is an address's.
        let clean = !text.contains(char::is_whitespace)
            && text.split('@').all(|part| part.chars().count() > 64 || part.parse::<Label>().is_ok());
        if fits && clean && !text.chars().any(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Refused::because("Enter an e-mail address like ada@example.org."))
        }
    }
}

/// A person with an e-mail address and a password.
#[derive(Debug, Clone)]
pub struct User {
    pub(crate) key: UserKey,
    /// The public identifier.
    pub uuid: Id,
    /// The address to sign in with.
    pub email: EmailAddress,
    /// What the person is called.
    pub name: Label,
    /// A user who is not may not sign in, and the API refuses their tokens.
    pub is_active: bool,
}

impl User {
    /// The key under which the database knows them.
    #[must_use]
    pub fn key(&self) -> UserKey {
        self.key
    }
}

/// What accounts need of the process: the password hasher and its queue, and a key of the site's.
#[derive(Clone)]
pub struct Accounts {
    /// Hashes and checks passwords, few at once.
    pub passwords: Passwords,
    pepper: [u8; 32],
    /// Somebody could sign in when it was last asked; there is no way back.
    has_people: Arc<AtomicBool>,
}

impl Accounts {
    /// With `site_key`, which every instance of the site shares.
    #[must_use]
    pub fn new(passwords: Passwords, site_key: &[u8]) -> Self {
        let mut sha = Sha256::new_with_prefix(b"latchkey sign-in attempts");
        sha.update(site_key);
        Self { passwords, pepper: sha.finalize().into(), has_people: Arc::default() }
    }

    /// Is there anybody who could sign in? Asks the database only until there is, so that the sign-in page shows
    /// while the database is down.
    pub async fn has_people(&self, db: &Db) -> Result<bool, DbError> {
        if !self.has_people.load(Ordering::Relaxed) {
            self.has_people.store(db.read(store::has_users).await?, Ordering::Relaxed);
        }
        Ok(self.has_people.load(Ordering::Relaxed))
    }

    /// A name for an account that failures are counted under. Keyed, because people type their password into the
    /// wrong field, and this is stored.
    fn account_digest(&self, email: &EmailAddress) -> [u8; 32] {
        let mut sha = Sha256::new_with_prefix(self.pepper);
        sha.update(email.key());
        sha.finalize().into()
    }
}

/// Why there is no new user.
#[derive(Debug, thiserror::Error)]
pub enum AddUserError {
    /// The address is somebody's already.
    #[error("there is a user with the e-mail address {0} already")]
    EmailTaken(String),
    /// A query failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl FromDb for AddUserError {
    fn as_db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) => Some(error),
            Self::EmailTaken(_) => None,
        }
    }
}

/// A user about to be added. Holds everything that is random, so that a transaction may be run again.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The public identifier.
    pub uuid: Id,
    /// The address to sign in with.
    pub email: EmailAddress,
    /// What the person is called.
    pub name: Label,
    /// The hash of their password.
    pub password: PasswordHash,
    /// When.
    pub at: Timestamp,
}

impl NewUser {
    /// A user with a fresh identifier.
    #[must_use]
    pub fn new(
        email: EmailAddress,
        name: Label,
        password: PasswordHash,
        at: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Self {
        Self { uuid: Id::new(at, rng), email, name, password, at }
    }
}

/// Adds a user inside the caller's transaction. `detail` says how it came about.
pub fn add_user(conn: &mut Conn, new: &NewUser, client: Option<&Client>, detail: &str) -> Result<User, AddUserError> {
    let taken = || AddUserError::EmailTaken(new.email.as_str().to_owned());
    if store::user_by_email(conn, &new.email)?.is_some() {
        return Err(taken());
    }
    let key = store::insert_user(conn, new).map_err(|error| match error {
        // Somebody else took it since: the index is the judge.
        DbError::Taken(_) => taken(),
        other => other.into(),
    })?;
    Event {
        actor: Some(new.uuid.as_str()),
        client,
        detail: Some(detail),
        ..Event::new(new.at, EventKind::UserCreated)
    }
    .record(conn)?;
    Ok(User { key, uuid: new.uuid, email: new.email.clone(), name: new.name.clone(), is_active: true })
}

/// Gives the user with this address a new password and ends their sessions and reset links. `None` if there is no such user.
/// Tokens stay: a forgotten password must not break an integration.
pub fn set_password(
    db: &Db,
    email: &EmailAddress,
    hash: &PasswordHash,
    now: Timestamp,
) -> Result<Option<User>, DbError> {
    db.write_blocking(|conn| {
        let Some((user, _)) = store::user_by_email(conn, email)? else { return Ok(None) };
        store::set_password(conn, user.key, hash)?;
        end_ways_in(conn, &user)?;
        Event {
            actor: Some(user.uuid.as_str()),
            detail: Some("command line"),
            ..Event::new(now, EventKind::PasswordChanged)
        }
        .record(conn)?;
        Ok(Some(user))
    })
}

/// Ends a user's sessions, and the links by which they could have set a new password.
fn end_ways_in(conn: &mut Conn, user: &User) -> Result<(), DbError> {
    session_store::end_all(conn, user.key)?;
    links::store::drop_resets(conn, &user.uuid)
}

/// Lets the user with this address in or keeps them out. Keeping out ends their sessions, and their tokens are
/// refused until they are let in again. `None` if there is no such user.
pub fn set_active(db: &Db, email: &EmailAddress, is_active: bool, now: Timestamp) -> Result<Option<User>, DbError> {
    db.write_blocking(|conn| {
        let Some((user, _)) = store::user_by_email(conn, email)? else { return Ok(None) };
        store::set_active(conn, user.key, is_active)?;
        if !is_active {
            end_ways_in(conn, &user)?;
        }
        let kind = if is_active { EventKind::UserActivated } else { EventKind::UserDeactivated };
        Event { actor: Some(user.uuid.as_str()), detail: Some("command line"), ..Event::new(now, kind) }
            .record(conn)?;
        Ok(Some(User { is_active, ..user }))
    })
}

/// A path of this site to go to after signing in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextPath(String);

impl NextPath {
    /// The path, with its query.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The sign-in page that leads on to this path.
    #[must_use]
    pub fn sign_in_page(path: &str) -> String {
        format!("/login?next={}", percent_encoding::utf8_percent_encode(path, percent_encoding::NON_ALPHANUMERIC))
    }
}

/// The text is no path of this site.
#[derive(Debug)]
pub struct NotAPath;

impl FromStr for NextPath {
    type Err = NotAPath;
    /// Takes an absolute path in the characters of RFC 3986. A browser reads `//host` and `/\host` as another
    /// site, and drops tabs and line breaks before it looks.
    fn from_str(text: &str) -> Result<Self, NotAPath> {
        let is_path = text.starts_with('/') && !text.starts_with("//") && text.len() <= 2048;
        let is_plain = text.bytes().all(|byte| {
            byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}')
        });
        let loops = ["/login", "/logout", "/setup"].iter().any(|page| text.split('?').next() == Some(page));
        if is_path && is_plain && !loops { Ok(Self(text.to_owned())) } else { Err(NotAPath) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_address_has_two_sides_and_nothing_invisible() {
        for good in ["ada@example.org", " Ada.Lovelace+x@sub.example.org ", "ü@bücher.example", "root@localhost"] {
            assert!(good.parse::<EmailAddress>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "a b@example.org",
            "ada@exa\u{202E}mple.org",
            "a@b@c",
            "ada\0@example.org",
            &format!("{}@example.org", "x".repeat(250)),
        ] {
            assert!(bad.parse::<EmailAddress>().is_err(), "{bad}");
        }
        assert_eq!("Ada@Example.org".parse::<EmailAddress>().unwrap().key(), "ada@example.org");
    }

    #[test]
    fn only_a_path_of_this_site_comes_next() {
        for good in ["/", "/w/acme/settings/tokens/new?name=A%20b", "/w/acme"] {
            assert!(good.parse::<NextPath>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "w/acme",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/\t/evil.example",
            "/a\r\nX: y",
            "/login?next=/",
            "/logout",
            "javascript:alert(1)",
            "/ü",
        ] {
            assert!(bad.parse::<NextPath>().is_err(), "{bad:?}");
        }
    }

    proptest! {
        /// A browser resolves a Location as the URL standard says, which the `url` crate follows.
        #[test]
        fn whatever_comes_next_is_on_this_site(
            text in prop_oneof![
                "[/\\\\@:.a-z%2f5c\t\n #?é-]{0,24}",
                "/\\PC{0,24}",
                "[/\\\\]{0,3}(https?:)?[/\\\\]{0,3}evil\\.example[/:@]?\\PC{0,9}",
                any::<String>(),
            ],
        ) {
            let Ok(next) = text.parse::<NextPath>() else { return Ok(()) };
            prop_assert_eq!(next.as_str(), &text);
            let here = url::Url::parse("https://tokens.example/login?next=x").unwrap();
            let there = here.join(next.as_str()).unwrap();
            prop_assert_eq!(there.origin(), here.origin(), "{}", text);
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "one header: {}", text);
            let page = NextPath::sign_in_page(next.as_str());
            let query: Vec<_> = url::form_urlencoded::parse(page.strip_prefix("/login?").unwrap().as_bytes()).collect();
            prop_assert_eq!(&query[..], &[("next".into(), text.into())]);
        }

        #[test]
        fn an_address_is_read_as_it_is_written(
            text in prop_oneof!["[a-zA-Z@. +ü\u{202E}\r\n,-]{0,20}", "\\PC{1,9}@\\PC{1,9}", any::<String>()],
        ) {
            let Ok(email) = text.parse::<EmailAddress>() else { return Ok(()) };
            prop_assert_eq!(email.as_str(), text.trim());
            prop_assert_eq!(email.as_str().parse::<EmailAddress>().unwrap().key(), email.key());
            prop_assert_eq!(email.as_str().matches('@').count(), 1);
            prop_assert!(!email.as_str().contains(char::is_whitespace) && !email.as_str().contains(char::is_control));
        }
    }
}
