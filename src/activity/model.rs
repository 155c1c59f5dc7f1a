//! Filters, pages and records of audit events. No queries.

use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::audit::event::EventKind;
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;

/// Events per page.
pub(crate) const PAGE: usize = 50;

/// A search reads about this many of the latest events, and continues on the next page. It loads them: the database does not
/// fold case.
const SEARCHED_MAX: usize = 3_000;

/// A category is selected by the database among about this many of the latest events.
const FILTERED_MAX: usize = 10_000;

/// The number of days for which audit events are kept, from the configuration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EventRetentionDays(pub u32);

/// A category of events, as a filter on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum EventCategory {
    /// Changes of tokens.
    Tokens,
    /// Changes of members, roles and invitations.
    Members,
    /// Changes of the workspace.
    Settings,
    /// Events of a user's account. They belong to the user and to no workspace.
    SignIns,
}

impl EventCategory {
    /// Returns the keyword in URLs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.into_str()
    }

    /// Returns the label on the page.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Tokens => "Tokens",
            Self::Members => "Members",
            Self::Settings => "Settings",
            Self::SignIns => "My sign-ins",
        }
    }

    const fn from_kind(kind: EventKind) -> Self {
        match kind {
            EventKind::TokenCreated
            | EventKind::TokenDeleted
            | EventKind::TokenRevoked
            | EventKind::TokenRotated
            | EventKind::TokenRetired
            | EventKind::TokenRenamed
            | EventKind::TokenNoteChanged
            | EventKind::TokenNewOrigin
            | EventKind::TokenReused => Self::Tokens,
            EventKind::MemberAdded
            | EventKind::MemberRoleChanged
            | EventKind::MemberRemoved
            | EventKind::MemberEmailChanged
            | EventKind::MemberEmailVerified
            | EventKind::MemberResetLinkCreated
            | EventKind::InvitationCreated
            | EventKind::InvitationUsed
            | EventKind::InvitationRevoked => Self::Members,
            EventKind::WorkspaceCreated | EventKind::WorkspaceChanged => Self::Settings,
            EventKind::SignInSucceeded
            | EventKind::SignInFailed
            | EventKind::SignInLocked
            | EventKind::SignedOut
            | EventKind::PasswordChanged
            | EventKind::ResetLinkCreated
            | EventKind::UserChanged
            | EventKind::UserCreated
            | EventKind::UserDeactivated
            | EventKind::UserActivated => Self::SignIns,
        }
    }
}

/// The events to list, and the access of the user who lists them.
#[derive(Debug, Clone)]
pub(crate) struct EventFilter {
    pub workspace: PublicId,
    /// The user who lists the events. They can see every event whose actor or subject they are.
    pub person: PublicId,
    /// Whether the user can see all events of the workspace.
    pub can_see_all: bool,
    /// The category to list, or `None` for all.
    pub group: Option<EventCategory>,
    /// The words of the search, case folded.
    pub words: Vec<String>,
}

impl EventFilter {
    /// The number of events that a page reads at most, or `None` if all the events that it reads are on it.
    pub(crate) fn read_max(&self) -> Option<usize> {
        match self.group {
            _ if !self.words.is_empty() => Some(SEARCHED_MAX),
            None | Some(EventCategory::SignIns) => None,
            Some(EventCategory::Tokens | EventCategory::Members | EventCategory::Settings) => Some(FILTERED_MAX),
        }
    }

    /// The selected actions that belong to a workspace. Events with an empty action are in no category, so only an
    /// unfiltered list contains them.
    pub(crate) fn workspace_actions(&self) -> Vec<&'static str> {
        let uncategorized = self.group.is_none().then_some("");
        self.actions()
            .filter(|kind| EventCategory::from_kind(*kind) != EventCategory::SignIns)
            .map(EventKind::as_str)
            .chain(uncategorized)
            .collect()
    }

    /// The selected actions that belong to an account.
    pub(crate) fn account_actions(&self) -> Vec<&'static str> {
        self.actions()
            .filter(|kind| EventCategory::from_kind(*kind) == EventCategory::SignIns)
            .map(EventKind::as_str)
            .collect()
    }

    fn actions(&self) -> impl Iterator<Item = EventKind> {
        let is_selected = |kind: &EventKind| self.group.is_none_or(|group| EventCategory::from_kind(*kind) == group);
        EventKind::VARIANTS.iter().copied().filter(is_selected)
    }
}

/// A half-open time range.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeRange {
    /// The inclusive start.
    pub from: Timestamp,
    /// The exclusive end.
    pub before: Timestamp,
}

/// A page of events, the latest first.
#[derive(Debug)]
pub(crate) struct EventPage {
    pub events: Vec<EventRecord>,
    /// The cursor of the next page, or `None` on the last: the next page has the events before this time.
    pub older: Option<Timestamp>,
    /// The page is not full, because no events before this time were read.
    pub searched_to: Option<Timestamp>,
}

/// The actor or subject of an event, with name and address as of the event.
#[derive(Debug, Clone)]
pub(crate) struct EventPerson {
    /// The user's identifier.
    pub uuid: String,
    pub name: Option<String>,
    /// The email address, if the event has one.
    pub email: Option<String>,
}

/// An audit event.
#[derive(Debug, Clone)]
pub(crate) struct EventRecord {
    pub at: Timestamp,
    /// The kind, or `None` for an event that only has a word of the OWASP vocabulary.
    pub kind: Option<EventKind>,
    /// The event name of the OWASP Logging Vocabulary.
    pub word: String,
    /// The user who caused the event; `None` for the command line.
    pub actor: Option<EventPerson>,
    /// The user whom the event affects, or the owner of the affected token.
    pub subject: Option<EventPerson>,
    /// The name of the affected token.
    pub token: Option<String>,
    /// Further detail, in a format that depends on the kind.
    pub detail: Option<String>,
    /// The client's IP address.
    pub ip: Option<String>,
    /// The client's user agent.
    pub agent: Option<String>,
}

impl EventPerson {
    pub(crate) fn shown(&self) -> &str {
        self.name.as_deref().unwrap_or("Someone")
    }
}
