//! Pages: rendering, redirects, and the notice that stands for a page that can't be shown.

use actix_web::HttpResponse;
use actix_web::error::ErrorInternalServerError;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, ContentType, HeaderValue, LOCATION, RETRY_AFTER};
use askama::Template;

/// Answers with a page. No cache keeps it: what it shows is one person's.
pub fn render(status: StatusCode, page: &impl Template) -> HttpResponse {
    match page.render() {
        Ok(html) => HttpResponse::build(status)
            .insert_header(ContentType::html())
            .insert_header((CACHE_CONTROL, "no-store"))
            .body(html),
        // Logged with its request's id, as every mistake of ours: web::request_log.
        Err(error) => HttpResponse::from_error(ErrorInternalServerError(format!("a template failed: {error}"))),
    }
}

/// Answers 200 with a page.
pub fn ok(page: &impl Template) -> HttpResponse {
    render(StatusCode::OK, page)
}

/// Sends the browser to a path of this site by GET.
#[must_use]
pub fn redirect(path: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, path)).insert_header((CACHE_CONTROL, "no-store")).finish()
}

/// What stands on a page that has nothing else to show: what happened, and what to do next.
#[derive(Debug, Clone)]
pub struct Message {
    /// What happened, in a few words.
    pub heading: &'static str,
    /// What to do next.
    pub text: String,
    /// Where to go: a path and its label.
    pub link: (String, &'static str),
}

impl Message {
    /// A notice whose way on is the start page.
    pub fn new(heading: &'static str, text: impl Into<String>) -> Self {
        Self { heading, text: text.into(), link: ("/".to_owned(), "Go to your workspace") }
    }

    /// The same notice with another way on.
    #[must_use]
    pub fn with_link(self, path: impl Into<String>, label: &'static str) -> Self {
        Self { link: (path.into(), label), ..self }
    }
}

#[derive(Template)]
#[template(path = "layouts/message.html")]
struct MessagePage<'a> {
    notice: &'a Message,
    request_id: Option<&'a str>,
}

/// Answers with a notice.
#[must_use]
pub fn message(status: StatusCode, notice: &Message) -> HttpResponse {
    render(status, &MessagePage { notice, request_id: None })
}

/// Stands on an answer that should name its request and can't yet: [`crate::web::request_log`] knows the id.
pub struct NeedsRequestId;

/// 503: the database does not answer. With the request's id once that is known.
#[must_use]
pub fn unavailable(request_id: Option<&str>) -> HttpResponse {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let notice = Message::new(
        "Latchkey can’t reach its data right now",
        "If you just sent something, it may not have been saved: wait a moment, look, and try again. If it stays like this, tell the person who runs this server; the log has the reason under the request’s id.",
    );
    let mut answer = self::render(status, &MessagePage { notice: &notice, request_id });
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    if request_id.is_none() {
        answer.extensions_mut().insert(NeedsRequestId);
    }
    answer
}

/// The page of a mistake of ours: an id to quote, and nothing else.
#[must_use]
pub fn internal_error(request_id: &str) -> HttpResponse {
    let notice = Message::new(
        "Something went wrong on our side",
        "Please try again. If it happens again, give this number to the person who runs this server; the log has the reason under it.",
    );
    render(StatusCode::INTERNAL_SERVER_ERROR, &MessagePage { notice: &notice, request_id: Some(request_id) })
}
