//! Pages of a sorted list. A cursor names a row by the columns of the order, so rows that come or go do not move a page.

/// Rows per page of a list.
pub(crate) const PAGE_ROWS: usize = 50;

/// A value of a column that a list is sorted by.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub(crate) enum SortValue {
    Number(i64),
    Text(String),
}

/// A column that a list is sorted by, with the kind of its values.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SortColumn {
    Number(&'static str),
    Text(&'static str),
}

impl SortColumn {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Number(name) | Self::Text(name) => name,
        }
    }

    fn accepts(self, value: &SortValue) -> bool {
        match (self, value) {
            (Self::Number(_), SortValue::Number(_)) => true,
            (Self::Text(_), SortValue::Text(text)) => !text.contains('\0'),
            _ => false,
        }
    }
}

/// The direction of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Ascending,
    Descending,
}

impl Direction {
    #[must_use]
    pub(crate) fn reversed(self) -> Self {
        match self {
            Self::Ascending => Self::Descending,
            Self::Descending => Self::Ascending,
        }
    }
}

/// The side of a cursor's row on which the page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    After,
    Before,
}

/// A position in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub side: Side,
    /// The number of rows before the page, or before the page that follows it.
    pub position: usize,
    /// The values of the columns of the order.
    pub values: Vec<SortValue>,
}

/// The order of a query, and the row after which it begins.
#[derive(Debug, Clone)]
pub(crate) struct Seek {
    pub columns: &'static [SortColumn],
    pub direction: Direction,
    /// The values of the columns, one for each.
    pub after: Option<Vec<SortValue>>,
}

/// A page of a list.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub rows: Vec<T>,
    /// The number of rows before the page.
    pub start: usize,
    pub has_previous: bool,
    pub has_next: bool,
}

/// Loads a page. `load` returns the rows after a position, at most [`PAGE_ROWS`] and one more. The columns of the order
/// end with a unique one. A cursor of another order, or behind the last row, selects the first page.
pub(crate) fn fetch<T, E>(
    columns: &'static [SortColumn],
    direction: Direction,
    cursor: Option<&Cursor>,
    mut load: impl FnMut(&Seek) -> Result<Vec<T>, E>,
) -> Result<Page<T>, E> {
    let is_of_order = |cursor: &&Cursor| {
        cursor.values.len() == columns.len()
            && columns.iter().zip(&cursor.values).all(|(column, value)| column.accepts(value))
    };
    if let Some(cursor) = cursor.filter(is_of_order) {
        let toward = if cursor.side == Side::After { direction } else { direction.reversed() };
        let mut rows = load(&Seek { columns, direction: toward, after: Some(cursor.values.clone()) })?;
        let is_more = rows.len() > PAGE_ROWS;
        rows.truncate(PAGE_ROWS);
        if cursor.side == Side::After && !rows.is_empty() {
            return Ok(Page { rows, start: cursor.position, has_previous: true, has_next: is_more });
        }
        // The first rows may have come since: a short page before a cursor is the first page.
        if cursor.side == Side::Before && is_more {
            rows.reverse();
            let start = cursor.position.saturating_sub(rows.len()).max(1);
            return Ok(Page { rows, start, has_previous: true, has_next: true });
        }
    }
    let mut rows = load(&Seek { columns, direction, after: None })?;
    let has_next = rows.len() > PAGE_ROWS;
    rows.truncate(PAGE_ROWS);
    Ok(Page { rows, start: 0, has_previous: false, has_next })
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[SortColumn] = &[SortColumn::Number("id")];

    #[expect(clippy::unnecessary_wraps, reason = "a query that `fetch` calls")]
    fn load(count: i64, seek: &Seek) -> Result<Vec<i64>, ()> {
        let mut all: Vec<i64> = (0..count).collect();
        if seek.direction == Direction::Descending {
            all.reverse();
        }
        let after = seek.after.as_ref().map(|values| match values[0] {
            SortValue::Number(number) => number,
            SortValue::Text(_) => panic!("text"),
        });
        let is_after = |it: &i64| {
            after.is_none_or(|after| if seek.direction == Direction::Ascending { *it > after } else { *it < after })
        };
        Ok(all.into_iter().filter(is_after).take(PAGE_ROWS + 1).collect())
    }

    fn page(count: i64, cursor: Option<(Side, usize, i64)>) -> (usize, i64, i64, bool, bool) {
        let cursor = cursor.map(|(side, position, at)| Cursor { side, position, values: vec![SortValue::Number(at)] });
        let page = fetch(COLUMNS, Direction::Ascending, cursor.as_ref(), |seek| load(count, seek)).unwrap();
        (page.start, page.rows[0], page.rows[page.rows.len() - 1], page.has_previous, page.has_next)
    }

    #[test]
    fn pages_lead_to_the_last_row_and_back() {
        assert_eq!(page(120, None), (0, 0, 49, false, true));
        assert_eq!(page(120, Some((Side::After, 50, 49))), (50, 50, 99, true, true));
        assert_eq!(page(120, Some((Side::After, 100, 99))), (100, 100, 119, true, false));
        assert_eq!(page(120, Some((Side::Before, 100, 100))), (50, 50, 99, true, true));
        assert_eq!(page(120, Some((Side::Before, 50, 50))), (0, 0, 49, false, true));
        assert_eq!(page(50, None), (0, 0, 49, false, false));
    }

    #[test]
    fn a_cursor_behind_the_last_row_or_of_another_order_selects_the_first_page() {
        assert_eq!(page(120, Some((Side::After, 700, 699))), (0, 0, 49, false, true));
        for values in [vec![], vec![SortValue::Text("7".to_owned())], vec![SortValue::Number(7), SortValue::Number(7)]]
        {
            let cursor = Cursor { side: Side::After, position: 7, values };
            let page = fetch(COLUMNS, Direction::Descending, Some(&cursor), |seek| load(120, seek)).unwrap();
            assert_eq!((page.start, page.rows[0]), (0, 119));
        }
    }
}
