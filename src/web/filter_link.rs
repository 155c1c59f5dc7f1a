//! Links that filter a list.

/// A link to one of a list's filters.
pub(crate) struct FilterLink {
    pub(crate) label: &'static str,
    /// Number of matching rows, if the page counts them: `3,214`, `1,000+`.
    pub(crate) count: Option<String>,
    pub(crate) path: String,
    pub(crate) is_current: bool,
}

impl FilterLink {
    pub(crate) fn new(label: &'static str, count: Option<String>, path: String, is_current: bool) -> Self {
        Self { label, count, path, is_current }
    }
}
