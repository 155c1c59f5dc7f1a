//! Row identifiers. They never leave the program.

/// A user's key within the database; never leaves the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserId(pub(crate) i64);

/// A workspace's key within the database; never leaves the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WorkspaceId(pub(crate) i64);

/// A membership's key within the database; never leaves the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MembershipId(pub(crate) i64);

/// A token's key within the database; never leaves the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenId(pub(crate) i64);

/// A value's key within the database; never leaves the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueId(pub(crate) i64);
