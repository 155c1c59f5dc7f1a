//! Paths of the API.

/// Returns whether errors under `path` are JSON: `/api`, `/auth`, `/oauth2` and what is below them.
#[must_use]
pub(super) fn is_api_path(path: &str) -> bool {
    ["/api", "/auth", "/oauth2"]
        .iter()
        .any(|prefix| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// Returns whether a reverse proxy sends its subrequests to `path`, possibly with the whole head of the client's request.
#[must_use]
pub(super) fn is_forward_auth_path(path: &str) -> bool {
    path.strip_suffix('/').unwrap_or(path) == "/auth/verify"
}
