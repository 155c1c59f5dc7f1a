//! The mark at the menu's item for a member's own tokens. A feature above this one decides about it.

use actix_web::HttpRequest;
use actix_web::web::Data;

use crate::base::clock::Timestamp;
use crate::db::ids::MembershipId;
use crate::db::{Db, DbConnection, DbError};
use crate::workspaces::model::Role;

/// Returns whether something behind the menu's item needs the attention of a member. It runs for each page, so it must be a
/// few indexed queries.
#[derive(Clone, Copy)]
pub(crate) struct MenuMark(pub(crate) fn(&mut DbConnection, MembershipId, Timestamp) -> Result<bool, DbError>);

impl MenuMark {
    /// The mark that the server of the request has, if it has one.
    pub(crate) fn of_server(request: &HttpRequest) -> Option<Self> {
        request.app_data::<Data<Self>>().map(|mark| *mark.get_ref())
    }

    /// Returns whether the menu of a member has the mark.
    pub(crate) async fn is_shown(
        self,
        db: &Db,
        membership: MembershipId,
        role: Role,
        now: Timestamp,
    ) -> Result<bool, DbError> {
        if !role.can_have_tokens() {
            return Ok(false);
        }
        db.read(move |conn| (self.0)(conn, membership, now)).await
    }
}
