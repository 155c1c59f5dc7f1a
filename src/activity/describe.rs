//! Formats an audit event as an English sentence.

use crate::activity::model::{EventPerson, EventRecord};
use crate::audit::event::EventKind;
use crate::tokens::expiry::GracePeriod;
use crate::tokens::model::DeletionSource;
use crate::workspaces::model::Role;

/// A part of a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TextPart {
    pub text: String,
    /// Whether the text is a name, which the page emphasizes.
    pub is_name: bool,
    /// Whether the text contains names, which can have another direction.
    pub has_names: bool,
}

impl EventRecord {
    /// Describes the event as a sentence without a full stop.
    #[must_use]
    pub(crate) fn describe(&self) -> Vec<TextPart> {
        let detail = self.detail.as_deref().unwrap_or_default();
        let sentence = |template| self.fill(template, detail);
        match self.kind {
            None => self.fill("{actor}: {detail}", &format!("{} {detail}", self.word)),
            Some(EventKind::TokenCreated) => sentence("{actor} created token {token}"),
            Some(EventKind::TokenRotated) => self.describe_rotation(detail),
            Some(EventKind::TokenRetired) => sentence("{actor} stopped the old value of token {token}"),
            Some(EventKind::TokenRenamed) => sentence("{actor} renamed token {token} to {new name}"),
            Some(EventKind::TokenNoteChanged) => sentence("{actor} changed the note of token {token}"),
            Some(EventKind::TokenNewOrigin) => sentence("Token {token} was used by a new caller: {detail}"),
            Some(EventKind::TokenReused) => {
                sentence("A call with the ended value rpat…{detail} of token {token} was rejected")
            }
            Some(EventKind::TokenRevoked) => sentence("{actor} revoked token {token}"),
            Some(EventKind::TokenDeleted) => self.describe_deletion(detail),
            Some(EventKind::MemberAdded) if self.is_own() => self.fill("{actor} joined as {detail}", &role(detail)),
            Some(EventKind::MemberAdded) => self.fill("{actor} added {member} as {detail}", &role(detail)),
            Some(EventKind::MemberRoleChanged) if self.is_own() => {
                self.fill("{actor} changed their own role{detail}", &roles(detail))
            }
            Some(EventKind::MemberRoleChanged) => {
                self.fill("{actor} changed the role of {member}{detail}", &roles(detail))
            }
            Some(EventKind::MemberRemoved) if self.is_own() => sentence("{actor} left the workspace"),
            Some(EventKind::MemberRemoved) => sentence("{actor} removed {member}"),
            Some(EventKind::MemberEmailChanged) => match detail.strip_suffix(", verified") {
                Some(addresses) => {
                    self.fill("{actor} changed the email address of {member} from {detail} and verified it", addresses)
                }
                None => sentence("{actor} changed the email address of {member} from {detail}"),
            },
            Some(EventKind::MemberEmailVerified) => {
                sentence("{actor} verified {detail} as the email address of {member}")
            }
            Some(EventKind::MemberResetLinkCreated) => sentence("{actor} created a password reset link for {member}"),
            Some(EventKind::InvitationCreated) => {
                let (word, email) = parse_invitation(detail);
                let email = email.map_or_else(String::new, |email| format!(" for {email}"));
                self.fill("{actor} created an {detail}", &format!("{} invitation{email}", role(word)))
            }
            Some(EventKind::InvitationUsed) if detail.ends_with(", address verified") => {
                sentence("{actor} accepted an invitation, which verified their email address")
            }
            Some(EventKind::InvitationUsed) => sentence("{actor} accepted an invitation"),
            Some(EventKind::InvitationRevoked) if detail.ends_with(" with sessions") => {
                sentence("An invitation by {actor} was revoked when their sessions ended")
            }
            Some(EventKind::InvitationRevoked) => sentence("{actor} revoked an invitation"),
            Some(EventKind::WorkspaceCreated) => sentence("{actor} created this {detail} workspace"),
            Some(EventKind::WorkspaceChanged) => sentence("{actor} changed the settings: {names}"),
            // An event about an account has the account as its actor, even if the command line caused it.
            Some(EventKind::SignInSucceeded) => sentence("{actor} signed in"),
            Some(EventKind::SignInFailed) => sentence("Failed sign-in for {actor}"),
            Some(EventKind::SignInLocked) => sentence("Sign-in for {actor} was blocked after too many failed attempts"),
            Some(EventKind::SignedOut) if detail.is_empty() => sentence("{actor} signed out"),
            Some(EventKind::SignedOut) => sentence("{actor} signed out {detail}"),
            Some(EventKind::PasswordChanged) if detail == "command line" => {
                sentence("{operator} set a new password for {actor}")
            }
            Some(EventKind::PasswordChanged) if detail == "reset link" => {
                sentence("{actor} set a new password with a reset link")
            }
            Some(EventKind::PasswordChanged) => sentence("{actor} changed their password"),
            Some(EventKind::ResetLinkCreated) => sentence("{operator} created a password reset link for {actor}"),
            Some(EventKind::UserChanged) => self.describe_user_change(detail),
            Some(EventKind::UserCreated) => sentence("An account was created for {actor}"),
            Some(EventKind::UserDeactivated) => sentence("{operator} deactivated {actor}"),
            Some(EventKind::UserActivated) => sentence("{operator} reactivated {actor}"),
        }
    }

    /// Replaces the placeholders in braces by the names of this event and by `detail`.
    fn fill(&self, template: &str, detail: &str) -> Vec<TextPart> {
        let name = |text: &str| TextPart { text: text.to_owned(), is_name: true, has_names: false };
        let plain = |text: &str| TextPart { text: text.to_owned(), is_name: false, has_names: false };
        let subject = |unknown| self.subject.as_ref().map_or(unknown, EventPerson::shown);
        let token = self.token.as_deref().unwrap_or_default();
        let mut parts = Vec::new();
        for piece in template.split(['{', '}']).filter(|piece| !piece.is_empty()) {
            parts.push(match piece {
                "actor" => name(actor_name(self)),
                "operator" => name(OPERATOR),
                "member" => name(subject("someone")),
                "owner" => name(subject("its owner")),
                "token" | "token alone" => name(token),
                "new name" => name(detail),
                "names" => TextPart { has_names: true, ..plain(detail) },
                "detail" => plain(detail),
                text => plain(text),
            });
            if piece == "token" && self.subject.is_some() && !self.is_own() {
                parts.extend([plain(" of "), name(subject(""))]);
            }
        }
        parts
    }

    /// Returns whether the actor is also the subject of the event.
    fn is_own(&self) -> bool {
        matches!((&self.actor, &self.subject), (Some(actor), Some(subject)) if actor.uuid == subject.uuid)
    }

    fn describe_user_change(&self, detail: &str) -> Vec<TextPart> {
        let change = detail.strip_suffix(" by command line").and_then(|it| it.strip_prefix("email address "));
        let Some(change) = change else { return self.fill("{actor} changed their {detail}", detail) };
        match change.split_once(' ') {
            Some((email, "verified")) => {
                self.fill("{operator} verified {detail} as the email address of {actor}", email)
            }
            Some((email, "unverified")) => {
                self.fill("{operator} no longer vouches for {detail} as the email address of {actor}", email)
            }
            Some(_) | None => self.fill("{operator} changed the email address of {actor} {detail}", change),
        }
    }

    fn describe_rotation(&self, detail: &str) -> Vec<TextPart> {
        if detail.ends_with("exposed") {
            return self.fill("{actor} replaced the exposed value of token {token}", "");
        }
        if let Some((_, until)) = detail.split_once(", older value until ") {
            let template = "{actor} replaced the new value of token {token} and kept the old value until {detail}";
            return self.fill(template, until);
        }
        if let Some((_, until)) = detail.split_once(", old value until ") {
            let template = "{actor} rotated token {token} and kept the old value until it expires on {detail}";
            return self.fill(template, until);
        }
        if detail.ends_with(", old value expired") {
            return self.fill("{actor} rotated token {token} after its old value had expired", "");
        }
        let grace = detail.strip_prefix("grace ").and_then(|word| word.parse::<GracePeriod>().ok());
        let old_value = match grace {
            None => "",
            Some(GracePeriod::None) => " and stopped the old value immediately",
            Some(GracePeriod::Hour) => " and kept the old value for 1 hour",
            Some(GracePeriod::Day) => " and kept the old value for 24 hours",
            Some(GracePeriod::Week) => " and kept the old value for 7 days",
            Some(GracePeriod::Month) => " and kept the old value for 30 days",
        };
        self.fill("{actor} rotated token {token}{detail}", old_value)
    }

    fn describe_deletion(&self, detail: &str) -> Vec<TextPart> {
        let template = match detail.parse::<DeletionSource>() {
            Ok(DeletionSource::Api) => "{actor} deleted token {token} through the API, using the token itself",
            Ok(DeletionSource::Removal) if self.is_own() => {
                "Token {token alone} was deleted because {owner} left the workspace"
            }
            Ok(DeletionSource::Removal) => {
                "Token {token alone} was deleted because {owner} was removed from the workspace"
            }
            Ok(DeletionSource::Demotion) => "Token {token alone} was deleted because {owner} became an Agent",
            Ok(DeletionSource::Page | DeletionSource::CommandLine | DeletionSource::Administrator) | Err(_) => {
                "{actor} deleted token {token}"
            }
        };
        self.fill(template, "")
    }
}

/// The name of the actor for events from the command line.
const OPERATOR: &str = "Server administrator";

/// Returns the name of an event's actor.
pub(super) fn actor_name(event: &EventRecord) -> &str {
    event.actor.as_ref().map_or(OPERATOR, EventPerson::shown)
}

/// Splits `invitation 019ab… as editor for bob@example.org` into the role and the address.
fn parse_invitation(detail: &str) -> (&str, Option<&str>) {
    let text = detail.split_once(" as ").map_or(detail, |(_, text)| text);
    text.split_once(" for ").map_or((text, None), |(role, email)| (role, Some(email)))
}

fn role(word: &str) -> String {
    word.parse::<Role>().map_or_else(|_| word.to_owned(), |role| role.label().to_owned())
}

/// Formats `editor to agent` as ` from Editor to Agent`.
fn roles(detail: &str) -> String {
    detail.split_once(" to ").map_or_else(String::new, |(from, to)| format!(" from {} to {}", role(from), role(to)))
}

#[cfg(test)]
mod tests;
