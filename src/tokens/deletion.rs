//! The end of tokens: by whom and by what they are deleted, and what is remembered of it.

use std::str::FromStr;
use std::time::Duration;

use super::{Owner, TokenName, event, store};
use crate::kernel::clock::Timestamp;
use crate::kernel::db::events::{Event, EventKind};
use crate::kernel::db::{Conn, DbError};
use crate::kernel::id::Id;
use crate::kernel::text::Refused;
use crate::kernel::web::client::Client;
use crate::workspaces::store::lock_membership;

/// How long a deleted token, or a value that made way, is remembered.
pub const REMEMBERED: Duration = Duration::from_hours(90 * 24);

/// What is remembered of a token's deletion.
#[derive(Debug, Clone)]
pub struct Tombstone {
    /// When.
    pub at: Timestamp,
    /// The address of who did it, if a person did.
    pub by: Option<String>,
    /// By what.
    pub via: Via,
}

/// By what a token was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// The page.
    Page,
    /// The command line.
    CommandLine,
    /// The API, by the token itself.
    Api,
    /// The member was removed from the workspace.
    Removal,
    /// The member was given a role that has no tokens.
    Demotion,
    /// An administrator of the workspace revoked it.
    Administrator,
}

impl Via {
    const ALL: [Self; 6] =
        [Self::Page, Self::CommandLine, Self::Api, Self::Removal, Self::Demotion, Self::Administrator];

    /// The word in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::CommandLine => "command line",
            Self::Api => "api",
            Self::Removal => "removal",
            Self::Demotion => "demotion",
            Self::Administrator => "administrator",
        }
    }
}

impl FromStr for Via {
    type Err = Refused;
    fn from_str(text: &str) -> Result<Self, Refused> {
        Self::ALL.into_iter().find(|via| via.as_str() == text).ok_or_else(|| Refused::because("not a way to delete"))
    }
}

/// A deletion: who, by what, from where, when.
#[derive(Debug, Clone)]
pub struct Deletion {
    /// By what.
    pub via: Via,
    /// Who, as a uuid and an address; nobody for the command line.
    pub by: Option<(Id, String)>,
    /// From where.
    pub client: Option<Client>,
    /// When.
    pub at: Timestamp,
}

/// What became of a deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deleted {
    /// The token stopped now.
    Now(TokenName),
    /// It had been deleted before.
    Before(TokenName),
    /// The owner has no such token.
    Missing,
}

/// Deletes a token inside the caller's transaction. Its values stop at once; its row stays, so that who still tries
/// can be told.
pub fn delete(conn: &mut Conn, owner: &Owner, uuid: &Id, deletion: &Deletion) -> Result<Deleted, DbError> {
    lock_membership(conn, owner.membership)?;
    let Some((token, name, deleted_at)) = store::find_with_deleted(conn, owner.membership, uuid)? else {
        return Ok(Deleted::Missing);
    };
    if deleted_at.is_some() {
        return Ok(Deleted::Before(name));
    }
    store::delete_token(conn, token, deletion)?;
    let kind = if deletion.via == Via::Administrator { EventKind::TokenRevoked } else { EventKind::TokenDeleted };
    Event {
        actor: deletion.by.as_ref().map(|(uuid, _)| uuid.as_str()),
        detail: Some(deletion.via.as_str()),
        ..event(owner, uuid, &name, deletion.client.as_ref(), deletion.at, kind)
    }
    .record(conn)?;
    Ok(Deleted::Now(name))
}

/// Deletes every token of a membership inside the caller's transaction, and says how many.
pub fn delete_all(conn: &mut Conn, owner: &Owner, deletion: &Deletion) -> Result<usize, DbError> {
    lock_membership(conn, owner.membership)?;
    let tokens = store::live(conn, owner.membership)?;
    for token in &tokens {
        delete(conn, owner, &token.uuid, deletion)?;
    }
    Ok(tokens.len())
}

/// Forgets what was deleted, or made way for another value, before `before`. Returns how many tokens were forgotten.
pub fn purge(conn: &mut Conn, before: Timestamp) -> Result<usize, DbError> {
    store::purge(conn, before)
}
