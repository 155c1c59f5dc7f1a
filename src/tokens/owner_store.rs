//! Queries of tokens with their owners, for administrators and the command line. A query of a page starts at the workspace.

use diesel::prelude::*;

use crate::accounts::model::{EmailAddress, User};
use crate::accounts::store::{USER, user_by_email};
use crate::base::id::PublicId;
use crate::db::ids::{MembershipId, WorkspaceId};
use crate::db::schema::{memberships, token_values, tokens, users, value_uses, workspaces};
use crate::db::{DbConnection, DbError};
use crate::tokens::model::{Token, TokenOwner};
use crate::tokens::store::TOKEN;
use crate::workspaces::model::{Slug, Workspace};

crate::impl_select! {
    /// The columns of a [`TokenOwner`].
    OWNER: TokenOwner {
        membership: MembershipId = memberships::id,
        user: PublicId = users::uuid,
        email: String = users::email,
        workspace: PublicId = workspaces::uuid,
    }
}

/// The owner of any token, for the command line only.
pub fn find_owner(conn: &mut DbConnection, uuid: &PublicId) -> Result<Option<TokenOwner>, DbError> {
    Ok(tokens::table
        .inner_join(memberships::table.inner_join(users::table).inner_join(workspaces::table))
        .filter(tokens::uuid.eq(uuid.as_str()))
        .select(OWNER)
        .get_result(conn)
        .optional()?)
}

/// The owner of a token of a workspace, deleted or not.
pub fn find_owner_in_workspace(
    conn: &mut DbConnection,
    workspace: &Workspace,
    uuid: &PublicId,
) -> Result<Option<TokenOwner>, DbError> {
    Ok(find_owners_in_workspace(conn, workspace, std::slice::from_ref(uuid))?.pop().map(|(_, owner)| owner))
}

/// Those of the tokens that belong to the workspace, deleted or not, with their owners, in the order of the identifiers.
pub fn find_owners_in_workspace(
    conn: &mut DbConnection,
    workspace: &Workspace,
    uuids: &[PublicId],
) -> Result<Vec<(PublicId, TokenOwner)>, DbError> {
    Ok(tokens::table
        .inner_join(memberships::table.inner_join(users::table).inner_join(workspaces::table))
        .filter(memberships::workspace_id.eq(workspace.key.0))
        .filter(tokens::uuid.eq_any(uuids.iter().map(PublicId::as_str)))
        .order(tokens::uuid)
        .select((tokens::uuid, OWNER))
        .load(conn)?)
}

/// The tokens of a workspace that are not deleted, with their owners, sorted by the owners' email addresses. For the command
/// line only: a page shows a part of them.
pub fn list_by_workspace(conn: &mut DbConnection, workspace: WorkspaceId) -> Result<Vec<(Token, User)>, DbError> {
    let rows = tokens::table
        .inner_join(token_values::table.inner_join(value_uses::table))
        .inner_join(memberships::table.inner_join(users::table))
        .filter(memberships::workspace_id.eq(workspace.0))
        .filter(tokens::deleted_at.is_null())
        .order((users::email_key, tokens::created_at, tokens::id, token_values::generation.desc()))
        .select((TOKEN, USER))
        .load(conn)?;
    Ok(group_values_with_owners(rows))
}

/// The tokens with these keys that are not deleted, with their owners, sorted by key.
pub(crate) fn list_by_key(conn: &mut DbConnection, keys: &[i64]) -> Result<Vec<(Token, User)>, DbError> {
    let rows = tokens::table
        .inner_join(token_values::table.inner_join(value_uses::table))
        .inner_join(memberships::table.inner_join(users::table))
        .filter(tokens::id.eq_any(keys))
        .filter(tokens::deleted_at.is_null())
        .order((tokens::id, token_values::generation.desc()))
        .select((TOKEN, USER))
        .load(conn)?;
    Ok(group_values_with_owners(rows))
}

/// The tokens with these keys, deleted or not, with their owners, sorted by key.
pub(crate) fn list_by_key_with_deleted(conn: &mut DbConnection, keys: &[i64]) -> Result<Vec<(Token, User)>, DbError> {
    let rows = tokens::table
        .inner_join(token_values::table.inner_join(value_uses::table))
        .inner_join(memberships::table.inner_join(users::table))
        .filter(tokens::id.eq_any(keys))
        .order((tokens::id, token_values::generation.desc()))
        .select((TOKEN, USER))
        .load(conn)?;
    Ok(group_values_with_owners(rows))
}

/// Those of the tokens that belong to the workspace and are not deleted, with their owners.
pub(crate) fn list_in_workspace(
    conn: &mut DbConnection,
    workspace: WorkspaceId,
    uuids: &[PublicId],
) -> Result<Vec<(Token, User)>, DbError> {
    let rows = tokens::table
        .inner_join(token_values::table.inner_join(value_uses::table))
        .inner_join(memberships::table.inner_join(users::table))
        .filter(memberships::workspace_id.eq(workspace.0))
        .filter(tokens::uuid.eq_any(uuids.iter().map(PublicId::as_str)))
        .filter(tokens::deleted_at.is_null())
        .order((memberships::name_sort, tokens::name_sort, tokens::id, token_values::generation.desc()))
        .select((TOKEN, USER))
        .load(conn)?;
    Ok(group_values_with_owners(rows))
}

/// A token of a workspace that is not deleted, with its owner.
pub fn find_in_workspace(
    conn: &mut DbConnection,
    workspace: WorkspaceId,
    uuid: &PublicId,
) -> Result<Option<(Token, User)>, DbError> {
    Ok(list_in_workspace(conn, workspace, std::slice::from_ref(uuid))?.pop())
}

/// A token of a workspace, deleted or not, with its owner.
pub(crate) fn find_with_deleted_in_workspace(
    conn: &mut DbConnection,
    workspace: WorkspaceId,
    uuid: &PublicId,
) -> Result<Option<(Token, User)>, DbError> {
    let rows = tokens::table
        .inner_join(token_values::table.inner_join(value_uses::table))
        .inner_join(memberships::table.inner_join(users::table))
        .filter(memberships::workspace_id.eq(workspace.0))
        .filter(tokens::uuid.eq(uuid.as_str()))
        .order(token_values::generation.desc())
        .select((TOKEN, USER))
        .load(conn)?;
    Ok(group_values_with_owners(rows).pop())
}

/// The tokens with these keys that are deleted, with their owners, sorted by key.
pub(crate) fn list_deleted_by_key(conn: &mut DbConnection, keys: &[i64]) -> Result<Vec<(Token, User)>, DbError> {
    let rows = tokens::table
        .inner_join(token_values::table.inner_join(value_uses::table))
        .inner_join(memberships::table.inner_join(users::table))
        .filter(tokens::id.eq_any(keys))
        .filter(tokens::deleted_at.is_not_null())
        .order((tokens::id, token_values::generation.desc()))
        .select((TOKEN, USER))
        .load(conn)?;
    Ok(group_values_with_owners(rows))
}

fn group_values_with_owners(rows: Vec<(Token, User)>) -> Vec<(Token, User)> {
    let mut tokens: Vec<(Token, User)> = Vec::new();
    for (next, owner) in rows {
        match tokens.last_mut() {
            Some((token, _)) if token.key == next.key => token.previous.push(next.current),
            _ => tokens.push((next, owner)),
        }
    }
    tokens
}

/// The member with this email address in the workspace with this slug, for the command line.
pub fn find_owner_by_email(
    conn: &mut DbConnection,
    slug: &Slug,
    email: &EmailAddress,
) -> Result<Option<TokenOwner>, DbError> {
    let Some((user, _)) = user_by_email(conn, email)? else { return Ok(None) };
    Ok(memberships::table
        .inner_join(users::table)
        .inner_join(workspaces::table)
        .filter(memberships::removed_at.is_null())
        .filter(workspaces::slug.eq(slug.as_str()))
        .filter(users::id.eq(user.key.0))
        .select(OWNER)
        .get_result(conn)
        .optional()?)
}
