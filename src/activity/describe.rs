//! Formats an audit event as an English sentence.

use crate::activity::model::{EventPerson, EventRecord};
use crate::audit::event::EventKind;
use crate::tokens::expiry::GracePeriod;
use crate::tokens::model::DeletionSource;
use crate::workspaces::profile::Role;

/// A part of a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextPart {
    /// The text.
    pub text: String,
    /// Whether the text is a name, which the page emphasizes.
    pub is_name: bool,
}

/// A builder for a sentence of plain text and names.
pub(crate) struct EventText(pub(crate) Vec<TextPart>);

impl EventText {
    pub(crate) fn of(name: &str) -> Self {
        Self(Vec::new()).name(name)
    }

    pub(crate) fn opening(text: &str) -> Self {
        Self(Vec::new()).plain(text)
    }

    pub(crate) fn name(mut self, name: &str) -> Self {
        self.0.push(TextPart { text: name.to_owned(), is_name: true });
        self
    }

    pub(crate) fn plain(mut self, text: impl Into<String>) -> Self {
        self.0.push(TextPart { text: text.into(), is_name: false });
        self
    }
}

impl EventRecord {
    /// Describes the event as a sentence without a full stop.
    #[must_use]
    pub fn describe(&self) -> Vec<TextPart> {
        // An event about an account has the account as its actor, even if the operator caused it.
        let actor = self.actor_name();
        let detail = self.detail.as_deref().unwrap_or_default();
        let by_actor = |text: String| EventText::of(actor).plain(text);
        let text = match self.kind {
            None => by_actor(format!(": {} {detail}", self.word)),
            Some(EventKind::TokenCreated) => self.to_token("created token"),
            Some(EventKind::TokenRotated) => self.describe_rotation(detail),
            Some(EventKind::TokenRetired) => self.to_token("stopped the old value of token"),
            Some(EventKind::TokenRenamed) => self.to_token("renamed token").plain(" to ").name(detail),
            Some(EventKind::TokenRevoked) => self.to_token("revoked token"),
            Some(EventKind::TokenDeleted) => self.describe_deletion(detail),
            Some(EventKind::MemberAdded) if self.is_own() => by_actor(format!(" joined as {}", role(detail))),
            Some(EventKind::MemberAdded) => self.to_member("added").plain(format!(" as {}", role(detail))),
            Some(EventKind::MemberRoleChanged) if self.is_own() => {
                by_actor(format!(" changed their own role{}", roles(detail)))
            }
            Some(EventKind::MemberRoleChanged) => self.to_member("changed the role of").plain(roles(detail)),
            Some(EventKind::MemberRemoved) if self.is_own() => by_actor(" left the workspace".to_owned()),
            Some(EventKind::MemberRemoved) => self.to_member("removed"),
            Some(EventKind::InvitationMade) => {
                let word = detail.rsplit(" as ").next().unwrap_or_default();
                by_actor(format!(" made an invitation as {}", role(word)))
            }
            Some(EventKind::InvitationUsed) => by_actor(" used an invitation".to_owned()),
            Some(EventKind::InvitationRevoked) => by_actor(" revoked an invitation".to_owned()),
            Some(EventKind::WorkspaceCreated) => by_actor(format!(" made this {detail} workspace")),
            Some(EventKind::WorkspaceChanged) => by_actor(format!(" changed the settings: {detail}")),
            Some(EventKind::SignInSucceeded) => by_actor(" signed in".to_owned()),
            Some(EventKind::SignInFailed) => EventText::opening("A sign-in as ").name(actor).plain(" failed"),
            Some(EventKind::SignInLocked) => {
                EventText::opening("A sign-in as ").name(actor).plain(" was refused, after too many that failed")
            }
            Some(EventKind::SignedOut) if detail.is_empty() => by_actor(" signed out".to_owned()),
            Some(EventKind::SignedOut) => by_actor(format!(" signed out {detail}")),
            Some(EventKind::PasswordChanged) if detail == "command line" => {
                EventText::of(OPERATOR).plain(" gave ").name(actor).plain(" a new password")
            }
            Some(EventKind::PasswordChanged) if detail == "reset link" => {
                by_actor(" set a new password by a link".to_owned())
            }
            Some(EventKind::ResetLinkMade) => {
                EventText::of(OPERATOR).plain(" made a link for ").name(actor).plain(" to set a new password")
            }
            Some(EventKind::UserChanged) => by_actor(format!(" changed their {detail}")),
            Some(EventKind::PasswordChanged) => by_actor(" changed their password".to_owned()),
            Some(EventKind::UserCreated) => by_actor(" got an account on this server".to_owned()),
            Some(EventKind::UserDeactivated) => EventText::of(OPERATOR).plain(" deactivated ").name(actor),
            Some(EventKind::UserActivated) => EventText::of(OPERATOR).plain(" activated ").name(actor).plain(" again"),
        };
        text.0
    }

    fn actor_name(&self) -> &str {
        self.actor.as_ref().map_or(OPERATOR, EventPerson::shown)
    }

    /// Returns whether the actor is also the subject of the event.
    fn is_own(&self) -> bool {
        matches!((&self.actor, &self.subject), (Some(actor), Some(subject)) if actor.uuid == subject.uuid)
    }

    fn to_token(&self, verb: &str) -> EventText {
        let actor = self.actor_name();
        let token = self.token.as_deref().unwrap_or_default();
        let sentence = EventText::of(actor).plain(format!(" {verb} ")).name(token);
        match &self.subject {
            Some(owner) if !self.is_own() => sentence.plain(" of ").name(owner.shown()),
            Some(_) | None => sentence,
        }
    }

    fn to_member(&self, verb: &str) -> EventText {
        let actor = self.actor_name();
        EventText::of(actor)
            .plain(format!(" {verb} "))
            .name(self.subject.as_ref().map_or("somebody", EventPerson::shown))
    }

    fn describe_rotation(&self, detail: &str) -> EventText {
        if detail.ends_with("exposed") {
            return self.to_token("replaced the exposed value of token");
        }
        let grace = detail.strip_prefix("grace ").and_then(|word| word.parse::<GracePeriod>().ok());
        self.to_token("rotated token").plain(match grace {
            None => "",
            Some(GracePeriod::None) => ", and stopped its old value at once",
            Some(GracePeriod::Hour) => ", with 1 hour for the old value",
            Some(GracePeriod::Day) => ", with 24 hours for the old value",
            Some(GracePeriod::Week) => ", with 7 days for the old value",
            Some(GracePeriod::Month) => ", with 30 days for the old value",
        })
    }

    fn describe_deletion(&self, detail: &str) -> EventText {
        match detail.parse::<DeletionSource>() {
            Ok(DeletionSource::Api) => self.to_token("deleted token").plain(" through the API, with the token itself"),
            Ok(DeletionSource::Removal) => self.to_token("ended token").plain(" with the membership"),
            Ok(DeletionSource::Demotion) => self.to_token("ended token").plain(" with the role: agents have none"),
            Ok(DeletionSource::Page | DeletionSource::CommandLine | DeletionSource::Administrator) | Err(_) => {
                self.to_token("deleted token")
            }
        }
    }
}

/// The name of the actor for events from the command line.
pub(crate) const OPERATOR: &str = "The operator";

pub(crate) fn role(word: &str) -> String {
    word.parse::<Role>().map_or_else(|_| word.to_owned(), |role| role.label().to_owned())
}

/// Formats `editor to agent` as ` from Editor to Agent`.
pub(crate) fn roles(detail: &str) -> String {
    detail.split_once(" to ").map_or_else(String::new, |(from, to)| format!(" from {} to {}", role(from), role(to)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::Timestamp;

    pub(crate) fn named(name: &str) -> EventPerson {
        EventPerson { uuid: name.to_owned(), name: Some(name.to_owned()), email: None }
    }

    pub(crate) fn sentence_of(kind: EventKind, actor: Option<EventPerson>, detail: &str) -> String {
        let event = EventRecord {
            at: Timestamp::from_micros(0),
            kind: Some(kind),
            word: kind.owasp_name().to_owned(),
            actor,
            subject: Some(named("Bob")),
            token: Some("Reporting".to_owned()),
            detail: Some(detail.to_owned()),
            ip: None,
            agent: None,
        };
        event.describe().into_iter().map(|part| part.text).collect()
    }

    #[test]
    pub(crate) fn every_kind_of_event_has_its_own_sentence() {
        use EventKind::*;
        let sentences = [
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
            (InvitationMade, "Alice", "invitation 019ab as editor", "Alice made an invitation as Editor"),
            (InvitationUsed, "Bob", "invitation 019ab", "Bob used an invitation"),
            (InvitationRevoked, "Alice", "invitation 019ab", "Alice revoked an invitation"),
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
            (SignedOut, "Bob", "3 other browsers", "Bob signed out 3 other browsers"),
            (UserChanged, "Bob", "name", "Bob changed their name"),
            (ResetLinkMade, "Bob", "command line", "The operator made a link for Bob to set a new password"),
            (PasswordChanged, "Bob", "reset link", "Bob set a new password by a link"),
            (PasswordChanged, "Bob", "", "Bob changed their password"),
            (PasswordChanged, "Bob", "command line", "The operator gave Bob a new password"),
            (UserCreated, "Bob", "set-up", "Bob got an account on this server"),
            (UserDeactivated, "Bob", "command line", "The operator deactivated Bob"),
            (UserActivated, "Bob", "command line", "The operator activated Bob again"),
        ];
        for (kind, actor, detail, sentence) in sentences {
            let actor = (!actor.is_empty()).then(|| named(actor));
            assert_eq!(sentence_of(kind, actor, detail), sentence, "{kind:?}");
        }
        for (nth, (kind, .., sentence)) in sentences.iter().enumerate() {
            assert!(
                sentences[..nth].iter().all(|(.., other)| other != sentence),
                "{kind:?} has the same sentence as another kind"
            );
        }
        let missing = EventKind::ALL.iter().filter(|kind| sentences.iter().all(|(tested, ..)| tested != *kind));
        assert_eq!(missing.collect::<Vec<_>>(), Vec::<&EventKind>::new());
    }

    #[test]
    pub(crate) fn an_event_without_a_kind_is_described_by_its_vocabulary_word() {
        let old = EventRecord {
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
        let sentence: String = old.describe().into_iter().map(|part| part.text).collect();
        assert_eq!(sentence, "Bob: authn_token_delete Reporting (by page)");
    }
}
