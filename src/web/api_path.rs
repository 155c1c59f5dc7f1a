//! Paths whose errors are JSON.

/// Is this a path for tools, whose errors are JSON?
#[must_use]
pub fn is_api_path(path: &str) -> bool {
    ["/api", "/auth", "/oauth2"]
        .iter()
        .any(|prefix| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}
