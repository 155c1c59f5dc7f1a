//! What happened: which events somebody sees, page by page, and each in a sentence.

use super::store;
use crate::kernel::clock::Timestamp;
use crate::kernel::db::events::EventKind;
use crate::kernel::db::{Conn, DbError};
use crate::kernel::id::Id;
use crate::tokens::Via;
use crate::tokens::expiry::Grace;
use crate::workspaces::Role;

/// How many events a page has: it stays below 30 KB with style and script.
pub const PAGE: usize = 40;

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
            EventKind::MemberAdded | EventKind::MemberRoleChanged | EventKind::MemberRemoved => Self::Members,
            EventKind::WorkspaceCreated | EventKind::WorkspaceChanged => Self::Settings,
            EventKind::SignInSucceeded
            | EventKind::SignInFailed
            | EventKind::SignInLocked
            | EventKind::SignedOut
            | EventKind::PasswordChanged
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

/// A piece of a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The words.
    pub text: String,
    /// Are they a name?
    pub is_name: bool,
}

/// Puts a sentence together of plain words and names.
struct Sentence(Vec<Part>);

impl Sentence {
    fn of(name: &str) -> Self {
        Self(Vec::new()).name(name)
    }

    fn opening(text: &str) -> Self {
        Self(Vec::new()).plain(text)
    }

    fn name(mut self, name: &str) -> Self {
        self.0.push(Part { text: name.to_owned(), is_name: true });
        self
    }

    fn plain(mut self, text: impl Into<String>) -> Self {
        self.0.push(Part { text: text.into(), is_name: false });
        self
    }
}

/// Who has the command line.
const OPERATOR: &str = "The operator";

impl Happening {
    /// What happened, as a sentence without its full stop.
    #[must_use]
    pub fn sentence(&self) -> Vec<Part> {
        let actor = self.actor.as_ref().map_or(OPERATOR, Named::shown);
        let detail = self.detail.as_deref().unwrap_or_default();
        let subject = self.subject.as_ref().map_or("somebody", Named::shown);
        match self.kind {
            Some(kind) => match Group::of(kind) {
                Group::Tokens => self.about_a_token(kind, actor, detail),
                Group::Members => self.about_a_member(kind, actor, subject, detail),
                Group::Settings => about_the_workspace(kind, actor, detail),
                Group::SignIns => about_an_account(kind, actor, detail),
            },
            None => Sentence::of(actor).plain(format!(": {} {detail}", self.word)),
        }
        .0
    }

    /// Did somebody do it to themselves, or to what is theirs?
    fn is_own(&self) -> bool {
        matches!((&self.actor, &self.subject), (Some(actor), Some(subject)) if actor.uuid == subject.uuid)
    }

    fn about_a_token(&self, kind: EventKind, actor: &str, detail: &str) -> Sentence {
        let token = self.token.as_deref().unwrap_or_default();
        let whose = |sentence: Sentence| match &self.subject {
            Some(owner) if !self.is_own() => sentence.plain(" of ").name(owner.shown()),
            Some(_) | None => sentence,
        };
        let did = |verb: &str| whose(Sentence::of(actor).plain(format!(" {verb} ")).name(token));
        let grace = detail.split([' ', ',']).nth(1).and_then(|word| word.parse::<Grace>().ok());
        match (kind, detail.parse::<Via>().ok()) {
            (EventKind::TokenDeleted, Some(Via::Api)) => {
                did("deleted token").plain(" through the API, with the token itself")
            }
            (EventKind::TokenDeleted, Some(Via::Removal)) => did("ended token").plain(" with the membership"),
            (EventKind::TokenDeleted, Some(Via::Demotion)) => {
                did("ended token").plain(" with the role: agents have none")
            }
            (EventKind::TokenDeleted, _) => did("deleted token"),
            (EventKind::TokenRevoked, _) => did("revoked token"),
            (EventKind::TokenRetired, _) => did("stopped the old value of token"),
            (EventKind::TokenRenamed, _) => did("renamed token").plain(" to ").name(detail),
            (EventKind::TokenRotated, _) if detail.ends_with("exposed") => did("replaced the exposed value of token"),
            (EventKind::TokenRotated, _) => {
                let old = match grace {
                    None => "",
                    Some(Grace::None) => ", and stopped its old value at once",
                    Some(Grace::Hour) => ", with 1 hour for the old value",
                    Some(Grace::Day) => ", with 24 hours for the old value",
                    Some(Grace::Week) => ", with 7 days for the old value",
                    Some(Grace::Month) => ", with 30 days for the old value",
                };
                did("rotated token").plain(old)
            }
            (_, _) => did("created token"),
        }
    }

    fn about_a_member(&self, kind: EventKind, actor: &str, subject: &str, detail: &str) -> Sentence {
        let label = |word: &str| word.parse::<Role>().map_or_else(|_| word.to_owned(), |role| role.label().to_owned());
        let roles = detail
            .split_once(" to ")
            .map_or_else(String::new, |(from, to)| format!(" from {} to {}", label(from), label(to)));
        match (kind, self.is_own()) {
            (EventKind::MemberRoleChanged, true) => {
                Sentence::of(actor).plain(format!(" changed their own role{roles}"))
            }
            (EventKind::MemberRoleChanged, false) => {
                Sentence::of(actor).plain(" changed the role of ").name(subject).plain(roles)
            }
            (EventKind::MemberRemoved, true) => Sentence::of(actor).plain(" left the workspace"),
            (EventKind::MemberRemoved, false) => Sentence::of(actor).plain(" removed ").name(subject),
            (_, true) => Sentence::of(actor).plain(format!(" joined as {}", label(detail))),
            (_, false) => Sentence::of(actor).plain(" added ").name(subject).plain(format!(" as {}", label(detail))),
        }
    }
}

fn about_the_workspace(kind: EventKind, actor: &str, detail: &str) -> Sentence {
    match kind {
        EventKind::WorkspaceCreated => Sentence::of(actor).plain(format!(" made this {detail} workspace")),
        _ => Sentence::of(actor).plain(format!(" changed the settings: {detail}")),
    }
}

/// Such an event names the account as the one who did it, whoever did.
fn about_an_account(kind: EventKind, person: &str, detail: &str) -> Sentence {
    match kind {
        EventKind::SignInFailed => Sentence::opening("A sign-in as ").name(person).plain(" failed"),
        EventKind::SignInLocked => {
            Sentence::opening("A sign-in as ").name(person).plain(" was refused, after too many that failed")
        }
        EventKind::SignedOut => Sentence::of(person).plain(" signed out"),
        EventKind::PasswordChanged if detail == "command line" => {
            Sentence::of(OPERATOR).plain(" gave ").name(person).plain(" a new password")
        }
        EventKind::PasswordChanged => Sentence::of(person).plain(" changed their password"),
        EventKind::UserCreated => Sentence::of(person).plain(" got an account on this server"),
        EventKind::UserDeactivated => Sentence::of(OPERATOR).plain(" deactivated ").name(person),
        EventKind::UserActivated => Sentence::of(OPERATOR).plain(" activated ").name(person).plain(" again"),
        _ => Sentence::of(person).plain(" signed in"),
    }
}

impl Named {
    fn shown(&self) -> &str {
        self.name.as_deref().unwrap_or("Somebody")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Named {
        Named { uuid: name.to_owned(), name: Some(name.to_owned()), email: None }
    }

    fn told(kind: EventKind, actor: Option<Named>, detail: &str) -> String {
        let happening = Happening {
            at: Timestamp::from_micros(0),
            kind: Some(kind),
            word: kind.as_str().to_owned(),
            actor,
            subject: Some(named("Bob")),
            token: Some("Reporting".to_owned()),
            detail: Some(detail.to_owned()),
            ip: None,
            agent: None,
        };
        happening.sentence().into_iter().map(|part| part.text).collect()
    }

    #[test]
    fn every_kind_of_event_is_told_in_a_sentence_of_its_own() {
        use EventKind::*;
        for (kind, actor, detail, sentence) in [
            (TokenCreated, "Bob", "", "Bob created token Reporting"),
            (TokenCreated, "", "", "The operator created token Reporting of Bob"),
            (TokenRotated, "Bob", "grace 24h", "Bob rotated token Reporting, with 24 hours for the old value"),
            (TokenRotated, "Bob", "grace none", "Bob rotated token Reporting, and stopped its old value at once"),
            (TokenRotated, "Bob", "grace none, exposed", "Bob replaced the exposed value of token Reporting"),
            (TokenRetired, "Bob", "", "Bob stopped the old value of token Reporting"),
            (TokenRenamed, "Bob", "Monthly", "Bob renamed token Reporting to Monthly"),
            (TokenDeleted, "Bob", "page", "Bob deleted token Reporting"),
            (TokenDeleted, "Bob", "api", "Bob deleted token Reporting through the API, with the token itself"),
            (TokenDeleted, "", "command line", "The operator deleted token Reporting of Bob"),
            (TokenDeleted, "Alice", "removal", "Alice ended token Reporting of Bob with the membership"),
            (TokenDeleted, "Alice", "demotion", "Alice ended token Reporting of Bob with the role: agents have none"),
            (TokenRevoked, "Alice", "administrator", "Alice revoked token Reporting of Bob"),
            (MemberAdded, "Alice", "editor", "Alice added Bob as Editor"),
            (MemberAdded, "Bob", "administrator", "Bob joined as Administrator"),
            (MemberRoleChanged, "Alice", "editor to agent", "Alice changed the role of Bob from Editor to Agent"),
            (
                MemberRoleChanged,
                "Bob",
                "administrator to editor",
                "Bob changed their own role from Administrator to Editor",
            ),
            (MemberRemoved, "", "", "The operator removed Bob"),
            (MemberRemoved, "Bob", "", "Bob left the workspace"),
            (WorkspaceCreated, "Alice", "demo", "Alice made this demo workspace"),
            (
                WorkspaceChanged,
                "Alice",
                "kind (demo to production)",
                "Alice changed the settings: kind (demo to production)",
            ),
            (SignInSucceeded, "Bob", "127.0.0.1", "Bob signed in"),
            (SignInFailed, "Bob", "127.0.0.1", "A sign-in as Bob failed"),
            (SignInLocked, "Bob", "", "A sign-in as Bob was refused, after too many that failed"),
            (SignedOut, "Bob", "", "Bob signed out"),
            (PasswordChanged, "Bob", "", "Bob changed their password"),
            (PasswordChanged, "Bob", "command line", "The operator gave Bob a new password"),
            (UserCreated, "Bob", "set-up", "Bob got an account on this server"),
            (UserDeactivated, "Bob", "command line", "The operator deactivated Bob"),
            (UserActivated, "Bob", "command line", "The operator activated Bob again"),
        ] {
            let actor = (!actor.is_empty()).then(|| named(actor));
            assert_eq!(told(kind, actor, detail), sentence, "{kind:?}");
        }
    }

    #[test]
    fn what_was_recorded_in_the_vocabulary_s_words_alone_is_told_in_them() {
        let old = Happening {
            at: Timestamp::from_micros(0),
            kind: None,
            word: "authn_token_delete".to_owned(),
            actor: Some(named("Bob")),
            subject: None,
            token: None,
            detail: Some("Reporting (by page)".to_owned()),
            ip: None,
            agent: None,
        };
        let told: String = old.sentence().into_iter().map(|part| part.text).collect();
        assert_eq!(told, "Bob: authn_token_delete Reporting (by page)");
    }
}
