//! The first steps in a new workspace, and which of them are done. Which steps there are depends on the member's role.

use crate::accounts::one_time_links::store::has_invitation;
use crate::db::ids::MembershipId;
use crate::db::{DbConnection, DbError};
use crate::tokens::model::Token;
use crate::tokens::store::has_deleted;
use crate::workspaces::model::{Membership, Role, Workspace};
use crate::workspaces::profile::WorkspaceKind;
use crate::workspaces::store::has_several_members;

/// A step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    CreateToken,
    MakeCall,
    Invite,
    SetTimezone,
    StartDemo,
}

/// The data that decide which steps are done.
pub(crate) struct Progress<'a> {
    pub membership: MembershipId,
    pub role: Role,
    pub workspace: &'a Workspace,
    /// All memberships of the user.
    pub memberships: &'a [Membership],
    /// The member's tokens that are not deleted.
    pub tokens: &'a [Token],
}

/// The time zone of a workspace whose administrator has not set another.
const DEFAULT_TIMEZONE: &str = "UTC";

impl Progress<'_> {
    /// Returns the steps of the member's role, each with whether it is done. Someone who deleted a token has created and
    /// used tokens before.
    pub(crate) fn steps(&self, conn: &mut DbConnection) -> Result<Vec<(Step, bool)>, DbError> {
        let mut steps = Vec::new();
        if self.role.can_have_tokens() {
            let is_used = self.tokens.iter().any(|token| token.values().any(|value| value.last_use.is_some()));
            let had_tokens = !is_used && has_deleted(conn, self.membership)?;
            steps.push((Step::CreateToken, !self.tokens.is_empty() || had_tokens));
            steps.push((Step::MakeCall, is_used || had_tokens));
        }
        if self.role.is_admin() {
            let is_shared =
                has_several_members(conn, self.workspace.key)? || has_invitation(conn, &self.workspace.uuid)?;
            let has_demo = self.memberships.iter().any(|it| it.workspace.profile.kind == WorkspaceKind::Demo);
            steps.push((Step::Invite, is_shared));
            steps.push((Step::SetTimezone, self.workspace.profile.timezone.as_str() != DEFAULT_TIMEZONE));
            steps.push((Step::StartDemo, has_demo));
        }
        Ok(steps)
    }
}
