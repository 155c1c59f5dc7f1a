//! Workspaces and memberships.

use std::fmt;
use std::str::FromStr;

use crate::base::client_info::ClientInfo;
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::base::random::CryptoRng;
use crate::base::text::{DisplayName, ValidationError};
use crate::db::ids::{MembershipId, WorkspaceId};
use crate::workspaces::profile::{Profile, Role, WorkspaceKind};

/// One of the memberships of a user, and its workspace.
#[derive(Debug, Clone)]
pub struct Membership {
    pub(crate) key: MembershipId,
    /// What the user may do there.
    pub role: Role,
    /// When the user last came to it from another.
    pub last_opened_at: Timestamp,
    /// Where.
    pub workspace: Workspace,
}

/// What a token gives access to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    pub(crate) key: WorkspaceId,
    /// The public identifier.
    pub uuid: PublicId,
    /// The name in URLs; never changes.
    pub slug: Slug,
    /// What people may change about it.
    pub profile: Profile,
}

impl Workspace {
    /// The key under which the database knows it.
    #[must_use]
    pub fn key(&self) -> WorkspaceId {
        self.key
    }
}

/// A workspace about to be added. Holds everything that is random, so that a transaction may be run again.
#[derive(Debug, Clone)]
pub struct NewWorkspace {
    /// The public identifier.
    pub uuid: PublicId,
    /// The slug, or `None` for one that follows from the name.
    pub slug: Option<Slug>,
    /// Name, kind and the rest.
    pub profile: Profile,
    /// When.
    pub at: Timestamp,
}

impl NewWorkspace {
    /// A workspace with a fresh identifier.
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

/// Who adds a workspace or a member on a page, and from where. The command line is nobody.
#[derive(Debug, Clone, Copy)]
pub struct WorkspaceActor<'a> {
    /// Who.
    pub user: &'a PublicId,
    /// From where.
    pub client: &'a ClientInfo,
}

/// A workspace's name in URLs: 1 to 40 of `a` to `z`, digits and hyphens, with a letter or digit at both ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slug(pub(crate) String);

pub(crate) const SLUG_MAX: usize = 40;

impl Slug {
    /// The slug's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The slug that a name suggests; with `nth` above 1, another than the ones before.
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
        let fits = (1..=SLUG_MAX).contains(&text.len())
            && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
            && !text.starts_with('-')
            && !text.ends_with('-');
        if fits {
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
    fn a_slug_follows_from_a_name() {
        let slug = |name: &str, nth| Slug::for_name(&name.parse().unwrap(), nth).0;
        assert_eq!(slug("Acme Production", 1), "acme-production");
        assert_eq!(slug("  Acme & Söhne  GmbH! ", 2), "acme-s-hne-gmbh-2");
        assert_eq!(slug("東京", 1), "workspace");
        for name in ["Acme", "東京", &"x".repeat(64), "-a-"] {
            assert!(slug(name, 12_345).parse::<Slug>().is_ok(), "{name}");
        }
    }
}
