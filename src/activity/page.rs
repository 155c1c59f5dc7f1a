//! The activity page. It is read-only.

use actix_web::{HttpResponse, web};
use askama::Template;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use strum::VariantArray as _;

use crate::accounts::session::BrowserSession;
use crate::activity::event_view::EventView;
use crate::activity::model::{EventCategory, EventFilter, EventRetentionDays};
use crate::activity::query;
use crate::base::clock::Timestamp;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::filter_link::FilterLink;
use crate::web::html;
use crate::workspaces::extract::CurrentMember;
use crate::workspaces::layout::{Section, WorkspaceLayout};

#[derive(Template)]
#[template(path = "activity/page.html")]
struct ActivityPage {
    layout: WorkspaceLayout,
    can_see_all: bool,
    filters: Vec<FilterLink>,
    events: Vec<EventView>,
    /// The path of the next page, with older events.
    older: Option<String>,
    /// The path of the first page, if this is a later one.
    newest: Option<String>,
    retention_days: u32,
}

/// The query string of the page.
#[derive(serde::Deserialize)]
pub(crate) struct ActivityQuery {
    show: Option<String>,
    cursor: Option<String>,
}

/// Formats the cursor of a page: base64url of the time in microseconds. Clients treat it as opaque.
fn cursor(before: Timestamp) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(before.micros().to_string())
}

fn read_cursor(text: &str) -> Option<Timestamp> {
    let plain = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    // A number has several spellings (`+7`, `07`); only the canonical one is a cursor.
    plain.parse().ok().map(Timestamp::from_micros).filter(|before| cursor(*before) == text)
}

/// `GET /w/{slug}/settings/activity`
pub(crate) async fn show(
    app: web::Data<AppState>,
    retention: web::Data<EventRetentionDays>,
    member: CurrentMember,
    query: Result<web::Query<ActivityQuery>, actix_web::Error>,
    session: BrowserSession,
) -> Result<HttpResponse, PageError> {
    let (show, cursor_text) = query.map_or((None, None), |query| {
        let ActivityQuery { show, cursor } = query.into_inner();
        (show, cursor)
    });
    let group = show.as_deref().and_then(|text| text.parse::<EventCategory>().ok());
    // An invalid cursor selects the first page.
    let before = cursor_text.as_deref().and_then(read_cursor);
    let can_see_all = member.role.is_admin();
    let filter = EventFilter { workspace: member.workspace.uuid, person: member.user.uuid, can_see_all, group };
    let events = app.db.read(move |conn| query::page(conn, &filter, before)).await?;

    let path = Section::Activity.path(&member.workspace.slug);
    let category_path = |group: EventCategory| format!("{path}?show={}", group.as_str());
    let mut filters = vec![FilterLink::new("All", None, path.clone(), group.is_none())];
    filters.extend(
        EventCategory::VARIANTS
            .iter()
            .map(|&it| FilterLink::new(it.label(), None, category_path(it), group == Some(it))),
    );
    let current_path = group.map_or_else(|| path.clone(), category_path);
    let older = events.older.map(|before| {
        let separator = if current_path.contains('?') { '&' } else { '?' };
        format!("{current_path}{separator}cursor={}", cursor(before))
    });
    Ok(html::ok(&ActivityPage {
        layout: WorkspaceLayout::new(&member, Section::Activity).with_flash(session.take_flash()),
        can_see_all,
        filters,
        events: events.events.iter().map(EventView::new).collect(),
        older,
        newest: before.map(|_| current_path),
        retention_days: retention.0,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_cursor_round_trips_and_other_text_is_rejected() {
        for micros in [-7, 0, 1_795_435_200_000_000] {
            let at = Timestamp::from_micros(micros);
            assert_eq!(read_cursor(&cursor(at)), Some(at));
        }
        for bad in ["", "!", "_w", "1795435200000000", "MTJh", &BASE64_URL_SAFE_NO_PAD.encode("99999999999999999999")] {
            assert_eq!(read_cursor(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn only_canonical_text_is_a_cursor(
            text in prop_oneof![
                "[-+]?[0-9]{0,20}".prop_map(|plain| BASE64_URL_SAFE_NO_PAD.encode(plain)),
                "[A-Za-z0-9_=-]{0,30}",
                any::<String>(),
            ],
            at in any::<i64>(),
        ) {
            prop_assert!(read_cursor(&text).is_none_or(|at| cursor(at) == text), "{}", text);
            prop_assert_eq!(read_cursor(&cursor(Timestamp::from_micros(at))), Some(Timestamp::from_micros(at)));
        }
    }
}
