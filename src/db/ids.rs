//! Row keys. They must not appear in pages, responses or logs.

/// Row key of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UserId(pub(crate) i64);

/// Row key of a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkspaceId(pub(crate) i64);

/// Row key of a membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MembershipId(pub(crate) i64);

/// Row key of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(pub(crate) i64);

/// Row key of a token value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueId(pub(crate) i64);

impl ValueId {
    /// The id of a value that need not exist.
    #[must_use]
    pub const fn for_tests(id: i64) -> Self {
        Self(id)
    }
}
