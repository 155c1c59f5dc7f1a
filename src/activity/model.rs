//! Filters, pages and records of the event log.

use crate::audit::event::EventKind;
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;

/// How many events a page has: it stays below 30 KB with style and script.
pub const PAGE: usize = 40;

/// For how many days what happened is remembered, as the settings say.
#[derive(Debug, Clone, Copy)]
pub struct EventRetentionDays(pub u32);

/// What kind of thing happened, as a page lets its reader choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventCategory {
    /// To tokens.
    Tokens,
    /// Who came, went, and may do what.
    Members,
    /// To the workspace itself.
    Settings,
    /// To somebody's account. Belongs to the person and to no workspace.
    SignIns,
}

impl EventCategory {
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
    pub fn from_query(text: &str) -> Option<Self> {
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
pub struct EventFilter {
    /// Where.
    pub workspace: PublicId,
    /// Who asks. What they did and what happened to them is theirs to see.
    pub person: PublicId,
    /// May they see what anybody did in the workspace?
    pub sees_all: bool,
    /// Of one group alone.
    pub group: Option<EventCategory>,
}

impl EventFilter {
    /// The words of what happens in a workspace, of those asked for. What was recorded before there were such words is
    /// in no group.
    pub(crate) fn workspace_actions(&self) -> Vec<&'static str> {
        let without = self.group.is_none().then_some("");
        self.actions()
            .filter(|kind| EventCategory::of(*kind) != EventCategory::SignIns)
            .map(EventKind::as_str)
            .chain(without)
            .collect()
    }

    /// The words of what happens to an account, of those asked for.
    pub(crate) fn account_actions(&self) -> Vec<&'static str> {
        self.actions()
            .filter(|kind| EventCategory::of(*kind) == EventCategory::SignIns)
            .map(EventKind::as_str)
            .collect()
    }

    fn actions(&self) -> impl Iterator<Item = EventKind> {
        let wanted = |kind: &EventKind| self.group.is_none_or(|group| EventCategory::of(*kind) == group);
        EventKind::ALL.iter().copied().filter(wanted)
    }
}

/// A stretch of time.
#[derive(Debug, Clone, Copy)]
pub struct TimeRange {
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub before: Timestamp,
}

/// A page of what happened, the latest first.
#[derive(Debug)]
pub struct EventPage {
    /// What happened.
    pub events: Vec<EventRecord>,
    /// Where the next page begins, if there is one: with what happened before this.
    pub older: Option<Timestamp>,
}

/// A person as an event knows them, by what they were called then.
#[derive(Debug, Clone)]
pub struct EventPerson {
    /// The user's identifier.
    pub uuid: String,
    /// Their name; what was recorded first has none.
    pub name: Option<String>,
    /// Their address.
    pub email: Option<String>,
}

/// Something that happened.
#[derive(Debug, Clone)]
pub struct EventRecord {
    /// When.
    pub at: Timestamp,
    /// What; `None` for what was recorded in the vocabulary's words alone.
    pub kind: Option<EventKind>,
    /// What, in the words of the OWASP Logging Vocabulary.
    pub word: String,
    /// Who did it.
    pub actor: Option<EventPerson>,
    /// To whom, or to whose token.
    pub subject: Option<EventPerson>,
    /// The name of the token.
    pub token: Option<String>,
    /// What else.
    pub detail: Option<String>,
    /// From which address.
    pub ip: Option<String>,
    /// By which browser or program.
    pub agent: Option<String>,
}

impl EventPerson {
    pub(crate) fn shown(&self) -> &str {
        self.name.as_deref().unwrap_or("Somebody")
    }
}
