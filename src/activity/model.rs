//! Filters, pages and records of the event log.

use crate::activity::describe::{OPERATOR, Part, Sentence, role, roles};
use crate::audit::event::EventKind;
use crate::base::clock::Timestamp;
use crate::base::id::Id;
use crate::tokens::expiry::Grace;
use crate::tokens::model::Via;

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
    pub(crate) fn of_workspace(&self) -> Vec<&'static str> {
        let without = self.group.is_none().then_some("");
        self.actions().filter(|kind| Group::of(*kind) != Group::SignIns).map(EventKind::action).chain(without).collect()
    }

    /// The words of what happens to an account, of those asked for.
    pub(crate) fn of_account(&self) -> Vec<&'static str> {
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

/// A person as an event knows them, by what they were called then.
#[derive(Debug, Clone)]
pub struct Named {
    /// The user's identifier.
    pub uuid: String,
    /// Their name; what was recorded first has none.
    pub name: Option<String>,
    /// Their address.
    pub email: Option<String>,
}

/// Something that happened.
#[derive(Debug, Clone)]
pub struct Happening {
    /// When.
    pub at: Timestamp,
    /// What; `None` for what was recorded in the vocabulary's words alone.
    pub kind: Option<EventKind>,
    /// What, in the words of the OWASP Logging Vocabulary.
    pub word: String,
    /// Who did it.
    pub actor: Option<Named>,
    /// To whom, or to whose token.
    pub subject: Option<Named>,
    /// The name of the token.
    pub token: Option<String>,
    /// What else.
    pub detail: Option<String>,
    /// From which address.
    pub ip: Option<String>,
    /// By which browser or program.
    pub agent: Option<String>,
}

impl Happening {
    /// What happened, as a sentence without its full stop.
    #[must_use]
    pub fn sentence(&self) -> Vec<Part> {
        // What concerns an account names it as the one who did it, whoever did.
        let actor = self.who();
        let detail = self.detail.as_deref().unwrap_or_default();
        let did = |words: String| Sentence::of(actor).plain(words);
        let happened = match self.kind {
            None => did(format!(": {} {detail}", self.word)),
            Some(EventKind::TokenCreated) => self.to_token("created token"),
            Some(EventKind::TokenRotated) => self.rotated(detail),
            Some(EventKind::TokenRetired) => self.to_token("stopped the old value of token"),
            Some(EventKind::TokenRenamed) => self.to_token("renamed token").plain(" to ").name(detail),
            Some(EventKind::TokenRevoked) => self.to_token("revoked token"),
            Some(EventKind::TokenDeleted) => self.deleted(detail),
            Some(EventKind::MemberAdded) if self.is_own() => did(format!(" joined as {}", role(detail))),
            Some(EventKind::MemberAdded) => self.to_member("added").plain(format!(" as {}", role(detail))),
            Some(EventKind::MemberRoleChanged) if self.is_own() => {
                did(format!(" changed their own role{}", roles(detail)))
            }
            Some(EventKind::MemberRoleChanged) => self.to_member("changed the role of").plain(roles(detail)),
            Some(EventKind::MemberRemoved) if self.is_own() => did(" left the workspace".to_owned()),
            Some(EventKind::MemberRemoved) => self.to_member("removed"),
            Some(EventKind::InvitationMade) => {
                let word = detail.rsplit(" as ").next().unwrap_or_default();
                did(format!(" made an invitation as {}", role(word)))
            }
            Some(EventKind::InvitationUsed) => did(" used an invitation".to_owned()),
            Some(EventKind::InvitationRevoked) => did(" revoked an invitation".to_owned()),
            Some(EventKind::WorkspaceCreated) => did(format!(" made this {detail} workspace")),
            Some(EventKind::WorkspaceChanged) => did(format!(" changed the settings: {detail}")),
            Some(EventKind::SignInSucceeded) => did(" signed in".to_owned()),
            Some(EventKind::SignInFailed) => Sentence::opening("A sign-in as ").name(actor).plain(" failed"),
            Some(EventKind::SignInLocked) => {
                Sentence::opening("A sign-in as ").name(actor).plain(" was refused, after too many that failed")
            }
            Some(EventKind::SignedOut) if detail.is_empty() => did(" signed out".to_owned()),
            Some(EventKind::SignedOut) => did(format!(" signed out {detail}")),
            Some(EventKind::PasswordChanged) if detail == "command line" => {
                Sentence::of(OPERATOR).plain(" gave ").name(actor).plain(" a new password")
            }
            Some(EventKind::PasswordChanged) if detail == "reset link" => {
                did(" set a new password by a link".to_owned())
            }
            Some(EventKind::ResetLinkMade) => {
                Sentence::of(OPERATOR).plain(" made a link for ").name(actor).plain(" to set a new password")
            }
            Some(EventKind::UserChanged) => did(format!(" changed their {detail}")),
            Some(EventKind::PasswordChanged) => did(" changed their password".to_owned()),
            Some(EventKind::UserCreated) => did(" got an account on this server".to_owned()),
            Some(EventKind::UserDeactivated) => Sentence::of(OPERATOR).plain(" deactivated ").name(actor),
            Some(EventKind::UserActivated) => Sentence::of(OPERATOR).plain(" activated ").name(actor).plain(" again"),
        };
        happened.0
    }

    fn who(&self) -> &str {
        self.actor.as_ref().map_or(OPERATOR, Named::shown)
    }

    /// Did somebody do it to themselves, or to what is theirs?
    fn is_own(&self) -> bool {
        matches!((&self.actor, &self.subject), (Some(actor), Some(subject)) if actor.uuid == subject.uuid)
    }

    fn to_token(&self, verb: &str) -> Sentence {
        let actor = self.who();
        let token = self.token.as_deref().unwrap_or_default();
        let sentence = Sentence::of(actor).plain(format!(" {verb} ")).name(token);
        match &self.subject {
            Some(owner) if !self.is_own() => sentence.plain(" of ").name(owner.shown()),
            Some(_) | None => sentence,
        }
    }

    fn to_member(&self, verb: &str) -> Sentence {
        let actor = self.who();
        Sentence::of(actor).plain(format!(" {verb} ")).name(self.subject.as_ref().map_or("somebody", Named::shown))
    }

    fn rotated(&self, detail: &str) -> Sentence {
        if detail.ends_with("exposed") {
            return self.to_token("replaced the exposed value of token");
        }
        let grace = detail.strip_prefix("grace ").and_then(|word| word.parse::<Grace>().ok());
        self.to_token("rotated token").plain(match grace {
            None => "",
            Some(Grace::None) => ", and stopped its old value at once",
            Some(Grace::Hour) => ", with 1 hour for the old value",
            Some(Grace::Day) => ", with 24 hours for the old value",
            Some(Grace::Week) => ", with 7 days for the old value",
            Some(Grace::Month) => ", with 30 days for the old value",
        })
    }

    fn deleted(&self, detail: &str) -> Sentence {
        match detail.parse::<Via>() {
            Ok(Via::Api) => self.to_token("deleted token").plain(" through the API, with the token itself"),
            Ok(Via::Removal) => self.to_token("ended token").plain(" with the membership"),
            Ok(Via::Demotion) => self.to_token("ended token").plain(" with the role: agents have none"),
            Ok(Via::Page | Via::CommandLine | Via::Administrator) | Err(_) => self.to_token("deleted token"),
        }
    }
}

impl Named {
    fn shown(&self) -> &str {
        self.name.as_deref().unwrap_or("Somebody")
    }
}
