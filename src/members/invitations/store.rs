//! Queries of invitations.

use std::collections::HashMap;

use diesel::prelude::*;

use crate::accounts::one_time_links::store::LINK;
use crate::accounts::one_time_links::{Link, Purpose};
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::db::ids::WorkspaceId;
use crate::db::list_conditions::{Conditions, order_and_limit};
use crate::db::list_page::{Cursor, Direction, Page, SortColumn, SortValue, fetch};
use crate::db::schema::{memberships, one_time_links as links, users};
use crate::db::{DbConnection, DbError};
use crate::members::invitations::OpenInvitation;
use crate::workspaces::model::Role;

/// Returns whether the user is an administrator of the workspace by a membership that existed at `since`. A new
/// membership of the same user does not make an old invitation valid.
pub(crate) fn is_inviter(
    conn: &mut DbConnection,
    workspace: WorkspaceId,
    user: &PublicId,
    since: Timestamp,
) -> Result<bool, DbError> {
    let inviter = memberships::table
        .inner_join(users::table)
        .filter(memberships::workspace_id.eq(workspace.0))
        .filter(memberships::role.eq(Role::Administrator.as_str()))
        .filter(memberships::removed_at.is_null())
        .filter(memberships::created_at.le(since.micros()))
        .filter(users::uuid.eq(user.as_str()))
        .filter(users::is_active.eq(true));
    Ok(diesel::select(diesel::dsl::exists(inviter)).get_result(conn)?)
}

/// The order of the list: by creation.
const COLUMNS: &[SortColumn] =
    &[SortColumn::Number("one_time_links.created_at"), SortColumn::Text("one_time_links.uuid")];

/// The values of the columns of the order.
pub(super) fn sort_values(open: &OpenInvitation) -> Vec<SortValue> {
    vec![SortValue::Number(open.link.created_at.micros()), SortValue::Text(open.link.uuid.as_str().to_owned())]
}

/// What the list of invitations shows.
#[derive(Debug, Clone)]
pub(super) struct InvitationSelection {
    pub workspace: WorkspaceId,
    pub uuid: PublicId,
    /// The words of the search, case folded.
    pub words: Vec<String>,
    pub direction: Direction,
    pub cursor: Option<Cursor>,
    pub now: Timestamp,
}

impl InvitationSelection {
    /// The valid invitations: those whose creator is an administrator by a membership that existed at the creation. The text
    /// is that of the partial index.
    fn conditions(&self) -> Conditions {
        Conditions::new("one_time_links.expires_at >", self.now.micros())
            .and("one_time_links.workspace =", SortValue::Text(self.uuid.as_str().to_owned()))
            .and_sql("one_time_links.purpose = 'invitation' AND one_time_links.used_at IS NULL")
            .and(
                "EXISTS (SELECT 1 FROM users JOIN memberships ON memberships.user_id = users.id \
                 WHERE users.uuid = one_time_links.created_by AND users.is_active AND memberships.removed_at IS NULL \
                 AND memberships.role = 'administrator' AND memberships.created_at <= one_time_links.created_at \
                 AND memberships.workspace_id =",
                SortValue::Number(self.workspace.0),
            )
            .close()
            .and_contains("one_time_links.search_text", &self.words)
    }
}

/// Loads a page of the valid invitations to a workspace, and counts them.
pub(super) fn open(
    conn: &mut DbConnection,
    selection: &InvitationSelection,
) -> Result<(Page<OpenInvitation>, usize), DbError> {
    let count = links::table.filter(selection.conditions()).count().get_result::<i64>(conn)?;
    let page = fetch(COLUMNS, selection.direction, selection.cursor.as_ref(), |seek| {
        let page = links::table.filter(selection.conditions().and_after(seek)).order(order_and_limit(seek));
        page.select(LINK).load::<Link>(conn).map_err(DbError::from)
    })?;
    let inviters: Vec<&str> =
        page.rows.iter().filter_map(|link| link.created_by.as_ref().map(PublicId::as_str)).collect();
    let emails: HashMap<PublicId, String> = users::table
        .filter(users::uuid.eq_any(inviters))
        .select((users::uuid, users::email))
        .load::<(PublicId, String)>(conn)?
        .into_iter()
        .collect();
    let rows = page.rows.into_iter().filter_map(|link| {
        let inviter_email = emails.get(link.created_by.as_ref()?)?.clone();
        Some(OpenInvitation { link, inviter_email })
    });
    let page =
        Page { rows: rows.collect(), start: page.start, has_previous: page.has_previous, has_next: page.has_next };
    Ok((page, usize::try_from(count).unwrap_or_default()))
}

/// Deletes the open invitations to a workspace that this user created.
pub(in crate::members) fn delete_by_inviter(
    conn: &mut DbConnection,
    workspace: &PublicId,
    inviter: &PublicId,
) -> Result<(), DbError> {
    let invitations = links::table
        .filter(links::workspace.eq(workspace.as_str()))
        .filter(links::created_by.eq(inviter.as_str()))
        .filter(links::purpose.eq(Purpose::Invitation.as_str()))
        .filter(links::used_at.is_null());
    diesel::delete(invitations).execute(conn)?;
    Ok(())
}

/// Deletes an open invitation to a workspace. Returns `false` if it does not exist.
pub(crate) fn delete_open(conn: &mut DbConnection, workspace: &PublicId, uuid: &PublicId) -> Result<bool, DbError> {
    let open = links::table
        .filter(links::workspace.eq(workspace.as_str()))
        .filter(links::uuid.eq(uuid.as_str()))
        .filter(links::purpose.eq(Purpose::Invitation.as_str()))
        .filter(links::used_at.is_null());
    Ok(diesel::delete(open).execute(conn)? > 0)
}
