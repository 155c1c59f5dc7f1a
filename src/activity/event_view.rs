//! View model of audit events.

use crate::accounts::user_agent::browser_name;
use crate::activity::describe::TextPart;
use crate::activity::model::EventRecord;
use crate::web::time_view::TimeView;

/// An event, for a page.
pub(super) struct EventView {
    pub text: Vec<TextPart>,
    pub at: TimeView,
    /// The actor's email address.
    pub email: Option<String>,
    /// The client: `203.0.113.7 (Firefox on Linux)`.
    pub source: Option<String>,
}

impl EventView {
    pub(super) fn new(event: &EventRecord) -> Self {
        let by = event.agent.as_deref().map_or_else(String::new, |agent| format!(" ({})", browser_name(agent)));
        let from = event.ip.as_ref().map(|ip| format!("{ip}{by}"));
        let is_command_line = event.actor.is_none() && event.ip.is_none();
        Self {
            text: event.describe(),
            at: TimeView::new(event.at),
            email: event.actor.as_ref().and_then(|actor| actor.email.clone()),
            source: from.or_else(|| is_command_line.then(|| "the command line".to_owned())),
        }
    }
}
