//! What happened, told in a sentence.

use crate::workspaces::profile::Role;

/// A piece of a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The words.
    pub text: String,
    /// Are they a name?
    pub is_name: bool,
}

/// Puts a sentence together of plain words and names.
pub(crate) struct Sentence(pub(crate) Vec<Part>);

impl Sentence {
    pub(crate) fn of(name: &str) -> Self {
        Self(Vec::new()).name(name)
    }

    pub(crate) fn opening(text: &str) -> Self {
        Self(Vec::new()).plain(text)
    }

    pub(crate) fn name(mut self, name: &str) -> Self {
        self.0.push(Part { text: name.to_owned(), is_name: true });
        self
    }

    pub(crate) fn plain(mut self, text: impl Into<String>) -> Self {
        self.0.push(Part { text: text.into(), is_name: false });
        self
    }
}

/// Who has the command line.
pub(crate) const OPERATOR: &str = "The operator";

pub(crate) fn role(word: &str) -> String {
    word.parse::<Role>().map_or_else(|_| word.to_owned(), |role| role.label().to_owned())
}

/// `editor to agent`, for people.
pub(crate) fn roles(detail: &str) -> String {
    detail.split_once(" to ").map_or_else(String::new, |(from, to)| format!(" from {} to {}", role(from), role(to)))
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn named(name: &str) -> Named {
        Named { uuid: name.to_owned(), name: Some(name.to_owned()), email: None }
    }

    pub(crate) fn told(kind: EventKind, actor: Option<Named>, detail: &str) -> String {
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
    pub(crate) fn every_kind_of_event_is_told_in_a_sentence_of_its_own() {
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
            assert_eq!(told(kind, actor, detail), sentence, "{kind:?}");
        }
        for (nth, (kind, .., sentence)) in sentences.iter().enumerate() {
            assert!(sentences[..nth].iter().all(|(.., other)| other != sentence), "{kind:?} is told as another is");
        }
        let untold = EventKind::ALL.iter().filter(|kind| sentences.iter().all(|(told, ..)| told != *kind));
        assert_eq!(untold.collect::<Vec<_>>(), Vec::<&EventKind>::new());
    }

    #[test]
    pub(crate) fn what_was_recorded_in_the_vocabulary_s_words_alone_is_told_in_them() {
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
