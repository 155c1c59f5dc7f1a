//! Types of members and their changes. No queries.

use strum::{EnumString, IntoStaticStr};

use crate::accounts::model::User;
use crate::base::clock::Timestamp;
use crate::db::DbError;
use crate::db::ids::MembershipId;
use crate::db::list_page::Direction;
use crate::web::list::ListOrder;
use crate::workspaces::model::Role;

/// An active member of a workspace.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) membership: MembershipId,
    pub user: User,
    pub role: Role,
    /// The start of the membership.
    pub since: Timestamp,
    /// The user's last page view on this server, to the hour; `None` if it is not known.
    pub last_seen: Option<Timestamp>,
}

/// A member in the list, with what the list is sorted by.
#[derive(Debug, Clone)]
pub(crate) struct ListedMember {
    pub member: Member,
    /// The name in natural order.
    pub name_sort: String,
    /// The number of tokens in this workspace.
    pub tokens: i64,
}

/// An order of the list of members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, EnumString, IntoStaticStr)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub(crate) enum MemberOrder {
    #[default]
    Name,
    Role,
    Tokens,
    Joined,
    Seen,
}

impl ListOrder for MemberOrder {
    fn as_str(self) -> &'static str {
        self.into_str()
    }

    fn direction(self) -> Direction {
        match self {
            Self::Name | Self::Role => Direction::Ascending,
            Self::Tokens | Self::Joined | Self::Seen => Direction::Descending,
        }
    }
}

/// The reason a member was not changed.
#[derive(Debug, thiserror::Error)]
pub enum MemberError {
    /// The actor is no longer an administrator.
    #[error("only administrators can do this")]
    NotAllowed,
    /// The user is not a member of the workspace.
    #[error("the user is not a member of this workspace")]
    NotAMember,
    /// The member is the only administrator who can sign in.
    #[error("the user is the only administrator of this workspace; make someone else an administrator first")]
    LastAdministrator,
    #[error("{0}")]
    Db(#[from] DbError),
}

/// Formats a number of tokens: `1 token`.
pub(crate) fn count_tokens(tokens: usize) -> String {
    if tokens == 1 { "1 token".to_owned() } else { format!("{tokens} tokens") }
}
