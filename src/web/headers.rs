//! The headers that every answer carries, and the limit on those that a request may.

use actix_web::HttpResponse;
use actix_web::dev::ServiceRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CONTENT_SECURITY_POLICY, CROSS_ORIGIN_OPENER_POLICY, CROSS_ORIGIN_RESOURCE_POLICY, HeaderMap, HeaderName,
    HeaderValue, PERMISSIONS_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};

use crate::web::html::{self, Message};

/// For `Cache-Control`: this answer is for one caller and one moment.
pub const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// For `Vary`: this answer hangs on who asks.
pub const VARY_AUTHORIZATION: HeaderValue = HeaderValue::from_static("Authorization");

/// What every answer says to a browser. Constants, so that the compiler checks them letter by letter, not each answer.
const SECURITY_HEADERS: [(HeaderName, HeaderValue); 5] = [
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
    ),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (CROSS_ORIGIN_OPENER_POLICY, HeaderValue::from_static("same-origin")),
    (CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("same-origin")),
    (
        PERMISSIONS_POLICY,
        HeaderValue::from_static(
            "accelerometer=(), autoplay=(), camera=(), clipboard-read=(), clipboard-write=(self), display-capture=(), encrypted-media=(), fullscreen=(), geolocation=(), gyroscope=(), hid=(), identity-credentials-get=(), idle-detection=(), local-fonts=(), magnetometer=(), microphone=(), midi=(), payment=(), picture-in-picture=(), publickey-credentials-create=(), publickey-credentials-get=(), screen-wake-lock=(), serial=(), storage-access=(), usb=(), web-share=(), window-management=(), xr-spatial-tracking=()",
        ),
    ),
];

const REFERRER_SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");

/// For a page whose own address holds a code: nobody is told more of it than the site. `no-referrer` would be stricter, but
/// makes browsers send `Origin: null` with our own forms.
const REFERRER_STRICT_ORIGIN: HeaderValue = HeaderValue::from_static("strict-origin");

const HSTS: HeaderValue = HeaderValue::from_static("max-age=63072000");

/// The longest head of a request, in bytes of its header names and values and its target.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// Adds what every answer says to a browser.
pub fn add_security(headers: &mut HeaderMap, is_https: bool, is_at_a_secret: bool) {
    for (name, value) in SECURITY_HEADERS {
        headers.insert(name, value);
    }
    headers.insert(REFERRER_POLICY, if is_at_a_secret { REFERRER_STRICT_ORIGIN } else { REFERRER_SAME_ORIGIN });
    if is_https {
        headers.insert(STRICT_TRANSPORT_SECURITY, HSTS);
    }
}

/// The answer to a request whose head is longer than 16 KiB: 431 (RFC 6585, section 5).
#[must_use]
pub fn refuse_long_head(request: &ServiceRequest) -> Option<HttpResponse> {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let head = request.headers().iter().fold(target, |sum, (name, value)| sum + name.as_str().len() + value.len() + 4);
    if head <= MAX_HEAD_BYTES {
        return None;
    }
    let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    Some(if crate::web::api_path::is_api_path(request.path()) {
        HttpResponse::build(status).json(serde_json::json!({"detail": "Request header fields too large."}))
    } else {
        html::message(
            status,
            &Message::new(
                "The request is too long",
                "Your browser sent more than 16 KiB of headers. Delete this site’s cookies and try again.",
            ),
        )
    })
}
