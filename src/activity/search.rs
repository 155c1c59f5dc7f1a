//! Search of audit events. No queries.

use crate::accounts::user_agent::browser_name;
use crate::activity::model::EventRecord;
use crate::base::text::case_fold;

/// Returns whether the sentence, the addresses and the client of an event contain all of the words, which are case folded.
pub(super) fn matches(event: &EventRecord, words: &[String]) -> bool {
    let text = searched_text(event);
    words.iter().all(|word| text.contains(word))
}

fn searched_text(event: &EventRecord) -> String {
    let mut text: String = event.describe().into_iter().map(|part| part.text).collect();
    let emails = [&event.actor, &event.subject].into_iter().flatten().filter_map(|person| person.email.clone());
    let program = event.agent.as_deref().map(browser_name);
    for part in emails.chain([event.ip.clone(), event.agent.clone(), program].into_iter().flatten()) {
        text.push('\n');
        text.push_str(&part);
    }
    case_fold(&text)
}
