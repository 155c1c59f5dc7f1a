//! The mark at the menu's item for a member's own tokens. A feature above this one decides about it.

use crate::base::clock::Timestamp;
use crate::db::ids::MembershipId;
use crate::db::{DbConnection, DbError};

/// Returns whether something behind the menu's item needs the attention of a member. It runs for each page, so it must be a
/// few indexed queries.
#[derive(Clone, Copy)]
pub(crate) struct MenuMark(pub(crate) fn(&mut DbConnection, MembershipId, Timestamp) -> Result<bool, DbError>);
