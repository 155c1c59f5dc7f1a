//! What happened: which events somebody sees, page by page.

use super::sentence::Happening;
use super::store;
use crate::kernel::clock::Timestamp;
use crate::kernel::db::events::EventKind;
use crate::kernel::db::{Conn, DbError};
use crate::kernel::id::Id;

/// How many events a page has: it stays below 30 KB with style and script.
pub const PAGE: usize = 40;

/// For how many days what happened is remembered, as the settings say.
#[derive(Debug, Clone, Copy)]
pub struct KeptDays(pub u32);

/// What kind of thing happened, as a page lets its reader choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// To tokens.
    Tokens,
    /// Who came, went, and may do what.
    Members,
    /// To the workspace itself.
    Settings,
    /// To somebody's account. Belongs to the person and to no workspace.
    SignIns,
}

impl Group {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Tokens, Self::Members, Self::Settings, Self::SignIns];

    /// The word in URLs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Members => "members",
            Self::Settings => "settings",
            Self::SignIns => "sign-ins",
        }
    }

    /// The words on the page.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Tokens => "Tokens",
            Self::Members => "Members",
            Self::Settings => "Settings",
            Self::SignIns => "My sign-ins",
        }
    }

    /// The group with this word.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.as_str() == text)
    }

    const fn of(kind: EventKind) -> Self {
        match kind {
            EventKind::TokenCreated
            | EventKind::TokenDeleted
            | EventKind::TokenRevoked
            | EventKind::TokenRotated
            | EventKind::TokenRetired
            | EventKind::TokenRenamed => Self::Tokens,
            EventKind::MemberAdded
            | EventKind::MemberRoleChanged
            | EventKind::MemberRemoved
            | EventKind::InvitationMade
            | EventKind::InvitationUsed
            | EventKind::InvitationRevoked => Self::Members,
            EventKind::WorkspaceCreated | EventKind::WorkspaceChanged => Self::Settings,
            EventKind::SignInSucceeded
            | EventKind::SignInFailed
            | EventKind::SignInLocked
            | EventKind::SignedOut
            | EventKind::PasswordChanged
            | EventKind::ResetLinkMade
            | EventKind::UserChanged
            | EventKind::UserCreated
            | EventKind::UserDeactivated
            | EventKind::UserActivated => Self::SignIns,
        }
    }
}

/// Which events somebody asks for.
#[derive(Debug, Clone)]
pub struct What {
    /// Where.
    pub workspace: Id,
    /// Who asks. What they did and what happened to them is theirs to see.
    pub person: Id,
    /// May they see what anybody did in the workspace?
    pub sees_all: bool,
    /// Of one group alone.
    pub group: Option<Group>,
}

impl What {
    /// The words of what happens in a workspace, of those asked for. What was recorded before there were such words is
    /// in no group.
    pub(super) fn of_workspace(&self) -> Vec<&'static str> {
        let without = self.group.is_none().then_some("");
        self.actions().filter(|kind| Group::of(*kind) != Group::SignIns).map(EventKind::action).chain(without).collect()
    }

    /// The words of what happens to an account, of those asked for.
    pub(super) fn of_account(&self) -> Vec<&'static str> {
        self.actions().filter(|kind| Group::of(*kind) == Group::SignIns).map(EventKind::action).collect()
    }

    fn actions(&self) -> impl Iterator<Item = EventKind> {
        let wanted = |kind: &EventKind| self.group.is_none_or(|group| Group::of(*kind) == group);
        EventKind::ALL.iter().copied().filter(wanted)
    }
}

/// A stretch of time.
#[derive(Debug, Clone, Copy)]
pub struct Period {
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub before: Timestamp,
}

/// A page of what happened, the latest first.
#[derive(Debug)]
pub struct Events {
    /// What happened.
    pub happenings: Vec<Happening>,
    /// Where the next page begins, if there is one: with what happened before this.
    pub older: Option<Timestamp>,
}

/// What happened before a moment, or until now. A page ends between two moments: what happened in one, and so what one
/// action did, stays together, and a place is a moment that nothing added later moves.
pub fn page(conn: &mut Conn, what: &What, before: Option<Timestamp>) -> Result<Events, DbError> {
    let ever = Period {
        from: Timestamp::from_micros(i64::MIN),
        before: before.unwrap_or_else(|| Timestamp::from_micros(i64::MAX)),
    };
    let mut happenings = store::happenings(conn, what, ever, PAGE + 1)?;
    let Some(edge) = happenings.get(PAGE).map(|first_beyond| first_beyond.at) else {
        return Ok(Events { happenings, older: None });
    };
    happenings.retain(|it| it.at > edge);
    if let Some(last) = happenings.last() {
        return Ok(Events { older: Some(last.at), happenings });
    }
    // More than a page in one moment.
    let moment = Period { from: edge, before: Timestamp::from_micros(edge.micros().saturating_add(1)) };
    let happenings = store::happenings(conn, what, moment, usize::MAX)?;
    let is_more = !store::happenings(conn, what, Period { before: edge, ..ever }, 1)?.is_empty();
    Ok(Events { happenings, older: is_more.then_some(edge) })
}
