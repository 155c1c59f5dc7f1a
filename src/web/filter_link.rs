//! A link that filters a list.

/// One of the views that a page has, as a link to it.
pub(crate) struct FilterLink {
    pub(crate) label: &'static str,
    /// How many there are in it, where that is known.
    pub(crate) count: Option<usize>,
    pub(crate) path: String,
    pub(crate) is_current: bool,
}

impl FilterLink {
    pub(crate) fn new(label: &'static str, count: Option<usize>, path: String, is_here: bool) -> Self {
        Self { label, count, path, is_current: is_here }
    }
}
