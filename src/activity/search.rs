//! Search of audit events. No queries.

use crate::accounts::user_agent::browser_name;
use crate::activity::describe::actor_name;
use crate::activity::model::{EventPerson, EventRecord};
use crate::audit::event::EventKind;
use crate::base::text::case_fold;

/// Returns whether the names, addresses and the client of an event contain all of the words, which are case folded.
pub(super) fn matches(event: &EventRecord, words: &[String]) -> bool {
    let text = searched_text(event);
    words.iter().all(|word| text.contains(word))
}

fn searched_text(event: &EventRecord) -> String {
    let person = |person: &Option<EventPerson>| {
        let (name, email) = person.as_ref().map(|it| (it.name.clone(), it.email.clone())).unwrap_or_default();
        [name, email]
    };
    let new_name = event.detail.clone().filter(|_| event.kind == Some(EventKind::TokenRenamed));
    let program = event.agent.as_deref().map(browser_name);
    let actor = Some(actor_name(event).to_owned());
    let texts = [actor, event.token.clone(), new_name, event.ip.clone(), event.agent.clone(), program];
    let texts = person(&event.actor).into_iter().chain(person(&event.subject)).chain(texts);
    case_fold(&texts.flatten().collect::<Vec<_>>().join("\n"))
}
