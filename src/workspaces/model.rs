//! Types of workspaces, memberships and roles. No queries.

use std::str::FromStr;

use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::accounts::model::User;
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::base::random::CryptoRng;
use crate::base::text::{DisplayName, ValidationError};
use crate::db::ids::{MembershipId, WorkspaceId};
use crate::workspaces::profile::{Profile, WorkspaceKind};

/// An active membership of a user, with its workspace.
#[derive(Debug, Clone)]
pub struct Membership {
    pub(crate) key: MembershipId,
    /// The user's role in the workspace.
    pub role: Role,
    /// The last time the user switched to the workspace from another one.
    pub last_opened_at: Timestamp,
    /// Whether the user hid the checklist for a new workspace.
    pub(crate) is_checklist_hidden: bool,
    pub workspace: Workspace,
}

/// Returns the names that a new password of the user must not contain: the user's and those of their workspaces.
#[must_use]
pub fn names_of<'a>(user: &'a User, memberships: &'a [Membership]) -> Vec<&'a str> {
    let workspaces = memberships.iter().map(|membership| membership.workspace.profile.name.as_str());
    std::iter::once(user.name.as_str()).chain(workspaces).collect()
}

/// A member's role, which decides the member's access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str, parse_err_ty = ValidationError, parse_err_fn = unknown_role)]
pub enum Role {
    /// Full access, including settings, members and all tokens.
    Administrator,
    /// Work, with tokens of their own.
    Editor,
    /// Work, without tokens.
    Agent,
}

impl Role {
    /// Returns the keyword in URLs, the database and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.into_str()
    }

    /// Returns the label on pages.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Administrator => "Administrator",
            Self::Editor => "Editor",
            Self::Agent => "Agent",
        }
    }

    /// Returns the label on pages for several members.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Administrator => "Administrators",
            Self::Editor => "Editors",
            Self::Agent => "Agents",
        }
    }

    /// Returns the description on pages.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::Administrator => "Can manage settings, members and all tokens.",
            Self::Editor => "Can use the workspace and create API tokens.",
            Self::Agent => "Can use the workspace, but not API tokens.",
        }
    }

    /// Returns whether a member with this role can have tokens and use them with the API.
    #[must_use]
    pub const fn can_have_tokens(self) -> bool {
        matches!(self, Self::Administrator | Self::Editor)
    }

    /// Returns whether a member with this role can change the workspace.
    #[must_use]
    pub const fn is_admin(self) -> bool {
        matches!(self, Self::Administrator)
    }
}

fn unknown_role(_: &str) -> ValidationError {
    ValidationError::new("Choose administrator, editor or agent.")
}

/// A workspace. A token gives access to exactly one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    pub key: WorkspaceId,
    pub uuid: PublicId,
    /// The identifier in URLs. It never changes.
    pub slug: Slug,
    /// The fields that an administrator can change.
    pub profile: Profile,
}

/// A workspace to insert. It holds every random value, so that a transaction can be retried.
#[derive(Debug, Clone)]
pub struct NewWorkspace {
    pub uuid: PublicId,
    /// The slug, or `None` to derive it from the name.
    pub slug: Option<Slug>,
    /// The initial profile.
    pub profile: Profile,
    /// The time of creation.
    pub at: Timestamp,
}

impl NewWorkspace {
    /// Creates a workspace with a new identifier and a default profile.
    #[must_use]
    pub fn new(
        slug: Option<Slug>,
        name: DisplayName,
        kind: WorkspaceKind,
        at: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Self {
        Self { uuid: PublicId::new(at, rng), slug, profile: Profile::new(name, kind), at }
    }
}

/// A workspace's identifier in URLs: 1 to 40 characters of `a` to `z`, `0` to `9` and `-`, with no hyphen at either
/// end.
#[derive(Debug, Clone, PartialEq, Eq, derive_more::Display)]
pub struct Slug(pub(crate) String);

pub(crate) const SLUG_MAX: usize = 40;

impl Slug {
    /// Returns the slug as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Derives a slug from a name. An `nth` above 1 is appended, so that each `nth` gives a different slug.
    #[must_use]
    pub fn for_name(name: &DisplayName, nth: u32) -> Self {
        let mut slug = String::new();
        for c in name.as_str().chars() {
            match c.to_ascii_lowercase() {
                c @ ('a'..='z' | '0'..='9') if slug.len() < SLUG_MAX - 6 => slug.push(c),
                _ if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
                _ => {}
            }
        }
        let slug = slug.trim_end_matches('-');
        let slug = if slug.is_empty() { "workspace" } else { slug };
        Self(if nth > 1 { format!("{slug}-{nth}") } else { slug.to_owned() })
    }
}

impl FromStr for Slug {
    type Err = ValidationError;
    fn from_str(text: &str) -> Result<Self, ValidationError> {
        let is_valid = (1..=SLUG_MAX).contains(&text.len())
            && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
            && !text.starts_with('-')
            && !text.ends_with('-');
        if is_valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(ValidationError::new(format!(
                "Use 1 to {SLUG_MAX} lowercase letters, digits and hyphens, like acme-demo. It can’t start or end with a hyphen."
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_derived_from_a_name() {
        let slug = |name: &str, nth| Slug::for_name(&name.parse().unwrap(), nth).0;
        assert_eq!(slug("Acme Production", 1), "acme-production");
        assert_eq!(slug("  Acme & Söhne  GmbH! ", 2), "acme-s-hne-gmbh-2");
        assert_eq!(slug("東京", 1), "workspace");
        for name in ["Acme", "東京", &"x".repeat(64), "-a-"] {
            assert!(slug(name, 12_345).parse::<Slug>().is_ok(), "{name}");
        }
    }
}
