use strum::VariantArray as _;

use super::*;
use crate::base::clock::Timestamp;

fn named(name: &str) -> EventPerson {
    EventPerson { uuid: name.to_owned(), name: Some(name.to_owned()), email: None }
}

fn event(kind: EventKind, actor: Option<EventPerson>, detail: &str) -> EventRecord {
    EventRecord {
        at: Timestamp::from_micros(0),
        kind: Some(kind),
        word: kind.owasp_name().to_owned(),
        actor,
        subject: Some(named("Bob")),
        token: Some("Reporting".to_owned()),
        detail: Some(detail.to_owned()),
        ip: None,
        agent: None,
    }
}

fn sentence_of(event: &EventRecord) -> String {
    event.describe().into_iter().map(|part| part.text).collect()
}

/// Kind, actor, detail and sentence of an event about Bob and the token Reporting.
const SENTENCES: &[(EventKind, &str, &str, &str)] = {
    use EventKind::*;
    &[
        (TokenCreated, "Bob", "", "Bob created token Reporting"),
        (TokenNoteChanged, "Bob", "", "Bob changed the note of token Reporting"),
        (
            TokenNewOrigin,
            "",
            "curl from 203.0.113.0/24",
            "Token Reporting of Bob was used by a new caller: curl from 203.0.113.0/24",
        ),
        (TokenReused, "", "D3kU", "A call with the ended value rpat…D3kU of token Reporting of Bob was rejected"),
        (TokenCreated, "", "", "Server administrator created token Reporting of Bob"),
        (TokenRotated, "Bob", "grace 24h", "Bob rotated token Reporting and kept the old value for 24 hours"),
        (TokenRotated, "Bob", "grace none", "Bob rotated token Reporting and stopped the old value immediately"),
        (
            TokenRotated,
            "Bob",
            "grace 7d, old value until 25 Nov 2026, 00:00 UTC",
            "Bob rotated token Reporting and kept the old value until it expires on 25 Nov 2026, 00:00 UTC",
        ),
        (
            TokenRotated,
            "Bob",
            "grace none, older value until 25 Nov 2026, 00:00 UTC",
            "Bob replaced the new value of token Reporting and kept the old value until 25 Nov 2026, 00:00 UTC",
        ),
        (
            TokenRotated,
            "Bob",
            "grace 24h, old value expired",
            "Bob rotated token Reporting after its old value had expired",
        ),
        (TokenRotated, "Bob", "grace none, exposed", "Bob replaced the exposed value of token Reporting"),
        (TokenRetired, "Bob", "", "Bob stopped the old value of token Reporting"),
        (TokenRenamed, "Bob", "Monthly", "Bob renamed token Reporting to Monthly"),
        (TokenDeleted, "Bob", "page", "Bob deleted token Reporting"),
        (TokenDeleted, "Bob", "api", "Bob deleted token Reporting through the API, using the token itself"),
        (TokenDeleted, "", "command line", "Server administrator deleted token Reporting of Bob"),
        (TokenDeleted, "Bob", "removal", "Token Reporting was deleted because Bob left the workspace"),
        (TokenDeleted, "Alice", "removal", "Token Reporting was deleted because Bob was removed from the workspace"),
        (TokenDeleted, "Alice", "demotion", "Token Reporting was deleted because Bob became an Agent"),
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
        (MemberRemoved, "", "", "Server administrator removed Bob"),
        (
            MemberEmailChanged,
            "Alice",
            "bob@example.org to b@example.org",
            "Alice changed the email address of Bob from bob@example.org to b@example.org",
        ),
        (
            MemberEmailChanged,
            "Alice",
            "bob@example.org to b@example.org, verified",
            "Alice changed the email address of Bob from bob@example.org to b@example.org and verified it",
        ),
        (MemberEmailVerified, "Alice", "bob@example.org", "Alice verified bob@example.org as the email address of Bob"),
        (MemberRemoved, "Bob", "", "Bob left the workspace"),
        (InvitationCreated, "Alice", "invitation 019ab as editor", "Alice created an Editor invitation"),
        (
            InvitationCreated,
            "Alice",
            "invitation 019ab as editor for bob@example.org",
            "Alice created an Editor invitation for bob@example.org",
        ),
        (InvitationUsed, "Bob", "invitation 019ab", "Bob accepted an invitation"),
        (
            InvitationUsed,
            "Bob",
            "invitation 019ab, address verified",
            "Bob accepted an invitation, which verified their email address",
        ),
        (InvitationRevoked, "Alice", "invitation 019ab", "Alice revoked an invitation"),
        (
            InvitationRevoked,
            "Alice",
            "invitation 019ab with sessions",
            "An invitation by Alice was revoked when their sessions ended",
        ),
        (WorkspaceCreated, "Alice", "demo", "Alice created this demo workspace"),
        (
            WorkspaceChanged,
            "Alice",
            "kind (demo to production)",
            "Alice changed the settings: kind (demo to production)",
        ),
        (SignInSucceeded, "Bob", "127.0.0.1", "Bob signed in"),
        (SignInFailed, "Bob", "127.0.0.1", "Failed sign-in for Bob"),
        (SignInLocked, "Bob", "", "Sign-in for Bob was blocked after too many failed attempts"),
        (SignedOut, "Bob", "", "Bob signed out"),
        (SignedOut, "Bob", "3 other browsers", "Bob signed out 3 other browsers"),
        (UserChanged, "Bob", "name", "Bob changed their name"),
        (
            UserChanged,
            "Bob",
            "email address from bob@example.org to b@example.org",
            "Bob changed their email address from bob@example.org to b@example.org",
        ),
        (
            UserChanged,
            "Bob",
            "email address from bob@example.org to b@example.org by command line",
            "Server administrator changed the email address of Bob from bob@example.org to b@example.org",
        ),
        (
            UserChanged,
            "Bob",
            "email address bob@example.org verified by command line",
            "Server administrator verified bob@example.org as the email address of Bob",
        ),
        (
            UserChanged,
            "Bob",
            "email address bob@example.org unverified by command line",
            "Server administrator no longer vouches for bob@example.org as the email address of Bob",
        ),
        (ResetLinkCreated, "Bob", "command line", "Server administrator created a password reset link for Bob"),
        (MemberResetLinkCreated, "Alice", "", "Alice created a password reset link for Bob"),
        (PasswordChanged, "Bob", "reset link", "Bob set a new password with a reset link"),
        (PasswordChanged, "Bob", "", "Bob changed their password"),
        (PasswordChanged, "Bob", "command line", "Server administrator set a new password for Bob"),
        (UserCreated, "Bob", "set-up", "An account was created for Bob"),
        (UserDeactivated, "Bob", "command line", "Server administrator deactivated Bob"),
        (UserActivated, "Bob", "command line", "Server administrator reactivated Bob"),
    ]
};

#[test]
fn every_kind_of_event_has_its_own_sentence() {
    for (kind, actor, detail, sentence) in SENTENCES {
        let actor = (!actor.is_empty()).then(|| named(actor));
        assert_eq!(sentence_of(&event(*kind, actor, detail)), *sentence, "{kind:?}");
    }
    for (nth, (kind, .., sentence)) in SENTENCES.iter().enumerate() {
        assert!(
            SENTENCES[..nth].iter().all(|(.., other)| other != sentence),
            "{kind:?} has the same sentence as another kind"
        );
    }
    let missing = EventKind::VARIANTS.iter().filter(|kind| SENTENCES.iter().all(|(tested, ..)| tested != *kind));
    assert_eq!(missing.collect::<Vec<_>>(), Vec::<&EventKind>::new());
}

#[test]
fn an_event_without_a_kind_is_described_by_its_vocabulary_word() {
    let old = EventRecord {
        kind: None,
        word: "authn_token_delete".to_owned(),
        ..event(EventKind::TokenDeleted, Some(named("Bob")), "Reporting (by page)")
    };
    assert_eq!(sentence_of(&old), "Bob: authn_token_delete Reporting (by page)");
}

#[test]
fn a_name_is_emphasized_and_never_a_placeholder() {
    let event = event(EventKind::TokenRenamed, Some(named("{token}")), "{actor} {detail}");
    let parts: Vec<_> = event.describe().into_iter().map(|part| (part.text, part.is_name)).collect();
    let expected = [
        ("{token}", true),
        (" renamed token ", false),
        ("Reporting", true),
        (" of ", false),
        ("Bob", true),
        (" to ", false),
        ("{actor} {detail}", true),
    ];
    assert_eq!(parts, expected.map(|(text, is_name)| (text.to_owned(), is_name)));
}
