//! Types of workspaces and memberships. No queries.

use std::fmt;
use std::str::FromStr;

use crate::base::client_info::ClientInfo;
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::base::random::CryptoRng;
use crate::base::text::{DisplayName, ValidationError};
use crate::db::ids::{MembershipId, WorkspaceId};
use crate::workspaces::profile::{Profile, Role, WorkspaceKind};

/// An active membership of a user, with its workspace.
#[derive(Debug, Clone)]
pub struct Membership {
    pub(crate) key: MembershipId,
    /// The user's role in the workspace.
    pub role: Role,
    /// The last time the user switched to the workspace from another one.
    pub last_opened_at: Timestamp,
    /// The workspace.
    pub workspace: Workspace,
}

/// A workspace. A token gives access to exactly one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    pub(crate) key: WorkspaceId,
    /// The public identifier.
    pub uuid: PublicId,
    /// The identifier in URLs. It never changes.
    pub slug: Slug,
    /// The fields that an administrator can change.
    pub profile: Profile,
}

impl Workspace {
    /// The primary key in the database.
    #[must_use]
    pub fn key(&self) -> WorkspaceId {
        self.key
    }
}

/// A workspace to insert. It holds every random value, so that a transaction can be retried.
#[derive(Debug, Clone)]
pub struct NewWorkspace {
    /// The public identifier.
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

/// The signed-in user who adds a workspace or a member. The command line has no actor.
#[derive(Debug, Clone, Copy)]
pub struct WorkspaceActor<'a> {
    /// The user's public identifier.
    pub user: &'a PublicId,
    /// The client of the request.
    pub client: &'a ClientInfo,
}

/// A workspace's identifier in URLs: 1 to 40 characters of `a` to `z`, `0` to `9` and `-`, with no hyphen at either
/// end.
#[derive(Debug, Clone, PartialEq, Eq)]
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
                "A slug is 1 to {SLUG_MAX} of a to z, 0 to 9 and hyphens, like acme-demo."
            )))
        }
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
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
