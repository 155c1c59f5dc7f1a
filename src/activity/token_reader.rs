//! Who reads the page of a token.

use crate::accounts::model::User;
use crate::base::id::PublicId;
use crate::db::ids::WorkspaceId;
use crate::db::{DbConnection, DbError};
use crate::tokens::model::Token;
use crate::tokens::owner_store;
use crate::workspaces::extract::CurrentMember;

/// A member who reads the page of a token: the owner, or an administrator of the workspace.
#[derive(Debug, Clone, Copy)]
pub(super) struct TokenReader {
    workspace: WorkspaceId,
    user: PublicId,
    is_admin: bool,
}

impl From<&CurrentMember> for TokenReader {
    fn from(member: &CurrentMember) -> Self {
        Self { workspace: member.workspace.key, user: member.user.uuid, is_admin: member.role.is_admin() }
    }
}

impl TokenReader {
    /// The token, deleted or not, with its owner; `None` if the reader may not see it.
    pub(super) fn find(self, conn: &mut DbConnection, uuid: &PublicId) -> Result<Option<(Token, User)>, DbError> {
        let found = owner_store::find_with_deleted_in_workspace(conn, self.workspace, uuid)?;
        Ok(found.filter(|(_, owner)| self.is_admin || owner.uuid == self.user))
    }
}
