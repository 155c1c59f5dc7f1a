//! Lists: the query string of a list's page (search, filter, order, cursor), and its links, headings and page numbers.
//! Everything is a plain GET. An unknown value selects the default, so no link ever leads to an error.

use std::future::{Ready, ready};
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::base::text::{case_fold, sanitize};
use crate::db::list_conditions::Count;
use crate::db::list_page::{Cursor, Direction, Page, Side, SortValue};
use crate::web::filter_link::FilterLink;

/// Maximum length of a search, in characters.
const SEARCH_MAX: usize = 100;

/// Maximum number of words in a search; further ones are ignored.
const WORDS_MAX: usize = 5;

/// An order of a list that a person can choose. The default is that of a page without a choice.
pub(crate) trait ListOrder: Copy + PartialEq + Default + FromStr {
    /// The keyword in URLs.
    fn as_str(self) -> &'static str;

    /// The direction at first.
    fn direction(self) -> Direction;
}

/// The query string of a list's page.
#[derive(Debug, Default)]
pub(crate) struct ListQuery {
    /// The search as typed.
    pub search: String,
    filter: Option<String>,
    sort: Option<String>,
    direction: Option<Direction>,
    pub cursor: Option<Cursor>,
}

#[derive(Default, serde::Deserialize)]
struct RawQuery {
    q: Option<String>,
    filter: Option<String>,
    sort: Option<String>,
    dir: Option<String>,
    after: Option<String>,
    before: Option<String>,
}

impl ListQuery {
    fn parse(text: &str) -> Self {
        let raw = web::Query::<RawQuery>::from_query(text).map(web::Query::into_inner).unwrap_or_default();
        let cursor = |side, text: Option<String>| text.and_then(|text| read_cursor(side, &text));
        Self {
            search: sanitize(raw.q.unwrap_or_default().trim(), SEARCH_MAX),
            filter: raw.filter,
            sort: raw.sort,
            direction: match raw.dir.as_deref() {
                Some("asc") => Some(Direction::Ascending),
                Some("desc") => Some(Direction::Descending),
                _ => None,
            },
            cursor: cursor(Side::After, raw.after).or_else(|| cursor(Side::Before, raw.before)),
        }
    }

    /// The words of the search, case folded.
    pub(crate) fn words(&self) -> Vec<String> {
        case_fold(&self.search).split_whitespace().take(WORDS_MAX).map(str::to_owned).collect()
    }

    /// The selected filter, if it is known.
    pub(crate) fn filter<F: FromStr>(&self) -> Option<F> {
        self.filter.as_deref()?.parse().ok()
    }

    /// The selected order and its direction.
    pub(crate) fn order<S: ListOrder>(&self) -> (S, Direction) {
        let chosen = self.sort.as_deref().and_then(|text| text.parse::<S>().ok());
        let order = chosen.unwrap_or_default();
        (order, self.direction.unwrap_or_else(|| order.direction()))
    }
}

impl FromRequest for ListQuery {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, actix_web::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::parse(request.query_string())))
    }
}

/// Formats a cursor: base64url of JSON. Clients treat it as opaque.
fn cursor_text(position: usize, values: &[SortValue]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(serde_json::json!([position, values]).to_string())
}

fn read_cursor(side: Side, text: &str) -> Option<Cursor> {
    let (position, values) =
        serde_json::from_slice::<(u32, Vec<SortValue>)>(&BASE64_URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    Some(Cursor { side, position: usize::try_from(position).ok()?, values })
}

/// The characters that a query string's value contains as escapes.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// Returns the path with these pairs as its query string.
pub(crate) fn link(path: &str, pairs: impl IntoIterator<Item = (&'static str, String)>) -> String {
    let pair = |(name, text): (_, String)| format!("{name}={}", utf8_percent_encode(&text, ESCAPED));
    let pairs: Vec<String> = pairs.into_iter().map(pair).collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

/// A heading of a list's table.
pub(crate) struct HeadView {
    pub label: &'static str,
    /// The path of the list in this order, or in the other direction; empty if the list can't be sorted by the column.
    pub path: String,
    /// `ascending` or `descending` if the list is sorted by the column, otherwise empty.
    pub sorted: &'static str,
}

/// The parts of a list's page around its rows.
pub(crate) struct ListView {
    /// The path of the list without a query string.
    pub path: String,
    pub search: String,
    /// The fields that the search form keeps.
    pub kept: Vec<(&'static str, String)>,
    /// The path without the search.
    pub unsearched: String,
    pub filters: Vec<FilterLink>,
    pub heads: Vec<HeadView>,
    /// `1–50 of 3,214`.
    pub range: String,
    pub previous: Option<String>,
    pub next: Option<String>,
}

impl ListView {
    /// Returns whether a search or a filter hides rows.
    pub(crate) fn is_narrowed(&self) -> bool {
        !self.search.is_empty() || self.kept.iter().any(|(name, _)| *name == "filter")
    }
}

/// The state of a list's page, from which its links derive.
#[derive(Clone)]
pub(crate) struct ListState<S> {
    path: String,
    search: String,
    filter: &'static str,
    order: S,
    direction: Direction,
}

impl<S: ListOrder> ListState<S> {
    /// Returns the state of the list at `path`. `filter` is the keyword of the selected filter, or empty.
    pub(crate) fn new(path: &str, query: &ListQuery, filter: &'static str) -> Self {
        let (order, direction) = query.order();
        Self { path: path.to_owned(), search: query.search.clone(), filter, order, direction }
    }

    /// The query string's pairs, without those that have their default.
    fn pairs(&self) -> Vec<(&'static str, String)> {
        let is_default = self.order == S::default() && self.direction == self.order.direction();
        let sort = (!is_default).then(|| ("sort", self.order.as_str().to_owned()));
        let direction = match self.direction {
            _ if self.direction == self.order.direction() => None,
            Direction::Ascending => Some(("dir", "asc".to_owned())),
            Direction::Descending => Some(("dir", "desc".to_owned())),
        };
        let text = |name, text: &str| (!text.is_empty()).then(|| (name, text.to_owned()));
        [text("q", &self.search), text("filter", self.filter), sort, direction].into_iter().flatten().collect()
    }

    fn link(&self, cursor: Option<(&'static str, String)>) -> String {
        link(&self.path, self.pairs().into_iter().chain(cursor))
    }

    /// A link that selects a filter and keeps the search and the order.
    pub(crate) fn filter_link(&self, label: &'static str, filter: &'static str, count: Option<Count>) -> FilterLink {
        let link = Self { filter, ..self.clone() }.link(None);
        FilterLink::new(label, count.map(format_count), link, filter == self.filter)
    }

    /// A heading that sorts by this order, or reverses it.
    pub(crate) fn head(&self, label: &'static str, order: S) -> HeadView {
        let is_current = order == self.order;
        let direction = if is_current { self.direction.reversed() } else { order.direction() };
        let sorted = match self.direction {
            _ if !is_current => "",
            Direction::Ascending => "ascending",
            Direction::Descending => "descending",
        };
        HeadView { label, path: Self { order, direction, ..self.clone() }.link(None), sorted }
    }

    /// A heading of a column that the list can't be sorted by.
    pub(crate) fn plain_head(label: &'static str) -> HeadView {
        HeadView { label, path: String::new(), sorted: "" }
    }

    /// Returns the view of a page. `values` are the columns of the order of a row.
    pub(crate) fn view<T>(
        &self,
        page: &Page<T>,
        total: Count,
        filters: Vec<FilterLink>,
        heads: Vec<HeadView>,
        values: impl Fn(&T) -> Vec<SortValue>,
    ) -> ListView {
        let end = page.start + page.rows.len();
        let cursor = |name, position, row: Option<&T>| {
            row.map(|row| self.link(Some((name, cursor_text(position, &values(row))))))
        };
        let unsearched = Self { search: String::new(), ..self.clone() };
        // The rows may have changed between the count and the page.
        let total = Count { rows: total.rows.max(end), ..total };
        ListView {
            path: self.path.clone(),
            search: self.search.clone(),
            kept: unsearched.pairs(),
            unsearched: unsearched.link(None),
            filters,
            heads,
            range: if page.rows.is_empty() {
                String::new()
            } else {
                format!("{}–{} of {}", group_digits(page.start + 1), group_digits(end), format_count(total))
            },
            previous: page.has_previous.then(|| cursor("before", page.start, page.rows.first())).flatten(),
            next: page.has_next.then(|| cursor("after", end, page.rows.last())).flatten(),
        }
    }
}

/// Formats a number with a comma between thousands.
pub(crate) fn group_digits(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// [`group_digits`] for a count of a table.
pub(crate) fn grouped(count: i64) -> String {
    group_digits(usize::try_from(count).unwrap_or(0))
}

/// Formats a count: `1,000+` if there are more.
pub(crate) fn format_count(count: Count) -> String {
    format!("{}{}", group_digits(count.rows), if count.is_more { "+" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, strum::EnumString, strum::IntoStaticStr)]
    #[strum(serialize_all = "kebab-case")]
    enum Order {
        #[default]
        Name,
        Age,
    }

    impl ListOrder for Order {
        fn as_str(self) -> &'static str {
            self.into()
        }

        fn direction(self) -> Direction {
            if self == Self::Age { Direction::Descending } else { Direction::Ascending }
        }
    }

    #[test]
    fn links_keep_the_other_choices_and_leave_out_defaults() {
        let query = ListQuery::parse("q=a%20%26b&sort=age&after=nonsense");
        let state = ListState::<Order>::new("/list", &query, "old");
        assert_eq!(state.link(None), "/list?q=a%20%26b&filter=old&sort=age");
        assert_eq!(state.head("Age", Order::Age).path, "/list?q=a%20%26b&filter=old&sort=age&dir=asc");
        assert_eq!(state.head("Age", Order::Age).sorted, "descending");
        assert_eq!(state.head("Name", Order::Name).path, "/list?q=a%20%26b&filter=old");
        assert_eq!(state.filter_link("All", "", None).path, "/list?q=a%20%26b&sort=age");
        assert!(query.cursor.is_none());
    }

    #[test]
    fn numbers_have_commas() {
        assert_eq!([0, 999, 1000, 1_234_567].map(group_digits), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(format_count(Count { rows: 1000, is_more: true }), "1,000+");
    }

    #[test]
    fn a_cursor_round_trips() {
        let values = vec![SortValue::Text("émile \"02\"10".to_owned()), SortValue::Number(-7)];
        let text = cursor_text(50, &values);
        assert_eq!(read_cursor(Side::After, &text), Some(Cursor { side: Side::After, position: 50, values }));
    }

    proptest! {
        #[test]
        fn any_query_string_is_accepted(text in any::<String>(), cursor in "[A-Za-z0-9_=-]{0,40}") {
            let _ = ListQuery::parse(&text);
            let _ = ListQuery::parse(&format!("q={text}&after={cursor}&before={cursor}"));
        }
    }
}
