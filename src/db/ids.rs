//! Row identifiers. They never leave the program.

/// A user's key within the database; never leaves the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserKey(pub(crate) i64);

/// A workspace's key within the database; never leaves the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WorkspaceKey(pub(crate) i64);

/// A membership's key within the database; never leaves the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MembershipKey(pub(crate) i64);

/// A token's key within the database; never leaves the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenKey(pub(crate) i64);

/// A value's key within the database; never leaves the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueKey(pub(crate) i64);
