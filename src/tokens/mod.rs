//! What opens the API: tokens, their values, and who may make and delete them.

mod callers_store;
mod deletion;
pub mod door;
pub mod expiry;
pub mod extract;
pub mod life;
mod look;
mod lookups;
mod memory;
pub mod overview;
pub mod pages;
pub mod passes;
pub mod store;
pub mod uses;
mod uses_store;
pub mod value;
pub mod verify;
mod waiting;

use std::str::FromStr;

use crate::accounts::User;
use crate::kernel::clock::Timestamp;
use crate::kernel::db::events::{Event, EventKind};
use crate::kernel::db::{Conn, DbError, FromDb};
use crate::kernel::id::Id;
use crate::kernel::rng::{self, CryptoRng};
use crate::kernel::text::{Label, Refused};
use crate::kernel::web::client::Client;
use crate::workspaces::extract::Member;
use crate::workspaces::store::{MembershipKey, lock_membership};
pub use deletion::{Deleted, Deletion, REMEMBERED, Tombstone, Via, delete, delete_all, purge};
use expiry::Expiry;
use store::{TokenKey, ValueKey};
use value::{TokenValue, ValueDigest};

/// The most tokens that a member can have in a workspace. The database holds it too: slots are 1 to 3.
pub const LIMIT: usize = 3;

/// A token's name, unique among the member's without regard to letters' case.
pub type TokenName = Label;

/// A named key of one membership.
#[derive(Debug, Clone)]
pub struct Token {
    pub(crate) key: TokenKey,
    /// The public identifier.
    pub uuid: Id,
    /// What its owner calls it.
    pub name: TokenName,
    /// When it was made.
    pub created_at: Timestamp,
    /// The value to use.
    pub current: Value,
    /// The values before it that are remembered, the latest first.
    pub earlier: Vec<Value>,
    /// How and when it was deleted, if it was.
    pub deleted: Option<Tombstone>,
}

impl Token {
    /// The value before the current one, while it still works.
    #[must_use]
    pub fn retiring(&self, now: Timestamp) -> Option<&Value> {
        self.earlier.iter().find(|value| value.lives(now))
    }

    /// Every value that is remembered, the current one first.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        std::iter::once(&self.current).chain(&self.earlier)
    }
}

/// What may be known about the secret string of a token.
#[derive(Debug, Clone)]
pub struct Value {
    pub(crate) key: ValueKey,
    /// Its last four characters.
    pub hint: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops opening the API, if ever.
    pub ends_at: Option<Timestamp>,
    /// The first time it opened the API.
    pub first_used_at: Option<Timestamp>,
    /// The last time it opened the API.
    pub last_use: Option<LastUse>,
    /// How often it was tried after it had stopped.
    pub tries: i64,
    /// The last time it was.
    pub last_try: Option<LastUse>,
}

impl Value {
    /// Does it open the API at `now`?
    #[must_use]
    pub fn lives(&self, now: Timestamp) -> bool {
        self.ends_at.is_none_or(|at| at > now)
    }
}

/// The evidence of a use.
#[derive(Debug, Clone)]
pub struct LastUse {
    /// When.
    pub at: Timestamp,
    /// From which address.
    pub ip: Option<String>,
    /// By what user agent.
    pub agent: Option<String>,
}

/// Whose tokens: a member, reduced to what a transaction needs.
#[derive(Debug, Clone)]
pub struct Owner {
    pub(crate) membership: MembershipKey,
    /// The member's uuid.
    pub user: Id,
    /// The member's address.
    pub email: String,
    /// The workspace's uuid.
    pub workspace: Id,
}

impl Owner {
    /// The owner of what `user` makes in a workspace.
    #[must_use]
    pub fn new(membership: MembershipKey, user: &User, workspace: &Id) -> Self {
        Self { membership, user: user.uuid, email: user.email.as_str().to_owned(), workspace: *workspace }
    }
}

impl From<&Member> for Owner {
    fn from(member: &Member) -> Self {
        Self::new(member.membership, &member.user, &member.workspace.uuid)
    }
}

/// The single-use key of a form that makes a value: the same form sent again makes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormKey(String);

const FORM_KEY_LENGTH: usize = 22;

impl FormKey {
    /// A new key: 22 base62 characters, 130 bits.
    #[must_use]
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(rng::base62(rng, FORM_KEY_LENGTH))
    }

    /// The key's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FormKey {
    type Err = Refused;
    fn from_str(text: &str) -> Result<Self, Refused> {
        if text.len() == FORM_KEY_LENGTH && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Refused::because("This form was not complete. Check the name and send it again."))
        }
    }
}

/// A token about to be made. Holds everything that is random, so that a transaction may be run again, but not the
/// value itself.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// The public identifier.
    pub uuid: Id,
    /// What its owner calls it.
    pub name: TokenName,
    /// The key of the form that makes it; the command line has none.
    pub form_key: Option<FormKey>,
    /// What the database holds of the value.
    pub digest: ValueDigest,
    /// The value's last four characters.
    pub hint: String,
    /// When the value stops by itself.
    pub expiry: Expiry,
    /// When.
    pub at: Timestamp,
}

impl NewToken {
    /// A token that `value` will open.
    #[must_use]
    pub fn new(
        name: TokenName,
        value: &TokenValue,
        form_key: Option<FormKey>,
        expiry: Expiry,
        at: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let uuid = Id::new(at, rng);
        Self { uuid, name, form_key, digest: value.digest(), hint: value.hint().to_owned(), expiry, at }
    }
}

/// Why there is no new token.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Not a member any more, or with a role that has no tokens.
    #[error("not an administrator or editor of this workspace")]
    NotAllowed,
    /// Three there are.
    #[error("You can have a maximum of 3 tokens")]
    LimitReached,
    /// Another token of the member's has that name.
    #[error("there is a token with this name already")]
    NameTaken,
    /// This form made a token before: its identifier and name.
    #[error("this form was sent before, and made the token {}", .1.as_str())]
    AlreadyCreated(Id, TokenName),
    /// The form's key was used elsewhere.
    #[error("this form is not good any more")]
    StaleForm,
    /// A query failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl FromDb for CreateError {
    fn as_db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) => Some(error),
            Self::NotAllowed | Self::LimitReached | Self::NameTaken | Self::AlreadyCreated(..) | Self::StaleForm => {
                None
            }
        }
    }
}

/// Makes a token inside the caller's transaction, in the lowest free slot.
pub fn create(conn: &mut Conn, owner: &Owner, new: &NewToken, client: Option<&Client>) -> Result<(), CreateError> {
    if !lock_membership(conn, owner.membership)?.is_some_and(crate::workspaces::Role::has_tokens) {
        return Err(CreateError::NotAllowed);
    }
    if let Some(form_key) = &new.form_key {
        match store::made_by_form(conn, form_key)? {
            Some((membership, uuid, name)) if membership == owner.membership => {
                return Err(CreateError::AlreadyCreated(uuid, name));
            }
            Some(_) => return Err(CreateError::StaleForm),
            None => {}
        }
    }
    let live = store::slots_and_names(conn, owner.membership)?;
    if live.len() >= LIMIT {
        return Err(CreateError::LimitReached);
    }
    let key = new.name.key();
    if live.iter().any(|(_, taken)| *taken == key) {
        return Err(CreateError::NameTaken);
    }
    let slot = (1..=3).find(|slot| live.iter().all(|(taken, _)| taken != slot)).ok_or(CreateError::LimitReached)?;
    store::insert_token(conn, owner.membership, slot, new)?;
    Ok(event(owner, &new.uuid, &new.name, client, new.at, EventKind::TokenCreated).record(conn)?)
}

/// What the owner did to a token; without a client somebody did it for them, on the command line.
fn event<'a>(
    owner: &'a Owner,
    token: &'a Id,
    name: &'a TokenName,
    client: Option<&'a Client>,
    at: Timestamp,
    kind: EventKind,
) -> Event<'a> {
    Event {
        actor: client.map(|_| owner.user.as_str()),
        subject: Some(owner.user.as_str()),
        workspace: Some(owner.workspace.as_str()),
        token: Some(token.as_str()),
        token_name: Some(name.as_str()),
        client,
        ..Event::new(at, kind)
    }
}
