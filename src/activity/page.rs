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
use crate::web::list::{self, ListQuery, ListView};
use crate::web::time_view::TimeView;
use crate::workspaces::extract::CurrentMember;
use crate::workspaces::layout::{Section, WorkspaceLayout};

#[derive(Template)]
#[template(path = "activity/page.html")]
struct ActivityPage {
    layout: WorkspaceLayout,
    can_see_all: bool,
    list: ListView,
    events: Vec<EventView>,
    /// The page is not full, because no events before this time were searched.
    searched_to: Option<TimeView>,
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
    search: ListQuery,
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
    let (workspace, person) = (member.workspace.uuid, member.user.uuid);
    let filter = EventFilter { workspace, person, can_see_all, group, words: search.words() };
    let page = app.db.read(move |conn| query::page(conn, &filter, before)).await?;

    let path = Section::Activity.path(&member.workspace.slug);
    let link = |text: &str, group: Option<EventCategory>, before: Option<Timestamp>| {
        let text = (!text.is_empty()).then(|| ("q", text.to_owned()));
        let group = group.map(|group| ("show", group.as_str().to_owned()));
        list::link(&path, [text, group, before.map(|at| ("cursor", cursor(at)))].into_iter().flatten())
    };
    let filter_link = |label, it| FilterLink::new(label, None, link(&search.search, it, None), group == it);
    let categories = EventCategory::VARIANTS.iter().map(|&it| filter_link(it.label(), Some(it)));
    let list = ListView {
        kept: group.map(|it| ("show", it.as_str().to_owned())).into_iter().collect(),
        unsearched: link("", group, None),
        filters: std::iter::once(filter_link("All", None)).chain(categories).collect(),
        heads: Vec::new(),
        range: String::new(),
        previous: before.map(|_| link(&search.search, group, None)),
        next: page.older.map(|at| link(&search.search, group, Some(at))),
        search: search.search.clone(),
        path: path.clone(),
    };
    Ok(html::ok(&ActivityPage {
        layout: WorkspaceLayout::new(&member, Section::Activity).with_flash(session.take_flash()),
        can_see_all,
        list,
        events: page.events.iter().map(EventView::new).collect(),
        searched_to: page.searched_to.map(TimeView::new),
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
