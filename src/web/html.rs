//! Responses with pages: rendering, redirects, and pages that show only a message.

use actix_web::HttpResponse;
use actix_web::error::ErrorInternalServerError;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, ContentType, HeaderValue, LOCATION, RETRY_AFTER};
use askama::Template;

/// Renders a page. It is `no-store`, because it depends on the user.
pub(crate) fn render(status: StatusCode, page: &impl Template) -> HttpResponse {
    match page.render() {
        Ok(html) => HttpResponse::build(status)
            .insert_header(ContentType::html())
            .insert_header((CACHE_CONTROL, "no-store"))
            .body(mark_title(html)),
        // `web::request_log` logs the error with the request id.
        Err(error) => HttpResponse::from_error(ErrorInternalServerError(format!("a template failed: {error}"))),
    }
}

/// Lets the title of a page with the summary of a refused form (`templates/macros/field.html`) begin with "Error:". In the
/// template, the title is written before it is known whether there is a summary. Escaped text can't contain the attribute.
fn mark_title(html: String) -> String {
    if html.contains("id=\"error-summary\"") { html.replacen("<title>", "<title>Error: ", 1) } else { html }
}

/// Renders a page with status 200.
pub(crate) fn ok(page: &impl Template) -> HttpResponse {
    render(StatusCode::OK, page)
}

/// Redirects to a path of this site (303, so the browser sends GET).
#[must_use]
pub(crate) fn redirect(path: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, path)).insert_header((CACHE_CONTROL, "no-store")).finish()
}

/// The content of a page that shows only a message: the event, the remedy and a link.
#[derive(Debug, Clone)]
pub struct Message {
    /// The event, in a few words.
    pub heading: &'static str,
    /// What the user can do.
    pub text: String,
    /// The name that the text has in place of `{name}`, or empty.
    pub name: String,
    /// Path and label of the link.
    pub link: (String, &'static str),
}

impl Message {
    /// The text before the name, the name, and the text after it.
    pub(crate) fn parts(&self) -> (&str, &str, &str) {
        self.text.split_once("{name}").map_or((&self.text, "", ""), |(before, after)| (before, &self.name, after))
    }

    /// Sets the name in the text.
    #[must_use]
    pub(crate) fn with_name(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// Creates a message that links to the start page.
    pub fn new(heading: &'static str, text: impl Into<String>) -> Self {
        Self { heading, text: text.into(), name: String::new(), link: ("/".to_owned(), "Go to your workspace") }
    }

    /// Replaces the link.
    #[must_use]
    pub fn with_link(self, path: impl Into<String>, label: &'static str) -> Self {
        Self { link: (path.into(), label), ..self }
    }
}

#[derive(Template)]
#[template(path = "layouts/message.html")]
struct MessagePage<'a> {
    message: &'a Message,
    request_id: Option<&'a str>,
}

/// Renders a page with this message.
#[must_use]
pub(crate) fn message(status: StatusCode, message: &Message) -> HttpResponse {
    render(status, &MessagePage { message, request_id: None })
}

/// Extension of a response whose page must show the request id. [`crate::web::request_log`], which knows the id, renders
/// that page again.
pub(crate) struct NeedsRequestId;

/// Renders the page for an unavailable database: 503 with `Retry-After`. Without `request_id` the response has the
/// extension [`NeedsRequestId`].
#[must_use]
pub(crate) fn unavailable(request_id: Option<&str>) -> HttpResponse {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let message = Message::new(
        "Latchkey can’t reach its database right now",
        "If you just submitted a form, it may not have been saved. Wait a moment, check, and try again. If this continues, give the request ID to the server administrator, who can find the cause in the log.",
    );
    let mut response = self::render(status, &MessagePage { message: &message, request_id });
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    if request_id.is_none() {
        response.extensions_mut().insert(NeedsRequestId);
    }
    response
}

/// Renders the page for an internal error: 500 with the request id and nothing else.
#[must_use]
pub(crate) fn internal_error(request_id: &str) -> HttpResponse {
    let message = Message::new(
        "Something went wrong on our side",
        "Try again. If it happens again, give the request ID to the server administrator, who can find the cause in the log.",
    );
    render(StatusCode::INTERNAL_SERVER_ERROR, &MessagePage { message: &message, request_id: Some(request_id) })
}
