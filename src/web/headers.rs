//! Security headers of every response, and the limit on the head of a request.

use actix_web::HttpResponse;
use actix_web::dev::ServiceRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CROSS_ORIGIN_OPENER_POLICY, CROSS_ORIGIN_RESOURCE_POLICY, HeaderMap,
    HeaderName, HeaderValue, PERMISSIONS_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, VARY,
    X_CONTENT_TYPE_OPTIONS,
};

use crate::web::api_path::{is_api_path, is_forward_auth_path};
use crate::web::html::{self, Message};

/// `Cache-Control` of responses that must not be stored.
pub(crate) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// `Vary` of responses under an API path, which may depend on the caller's token.
const VARY_AUTHORIZATION: HeaderValue = HeaderValue::from_static("Authorization");

/// Headers of every response. Constants, so that the compiler validates the values instead of each response.
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

/// `Referrer-Policy` of pages whose URL contains a secret. `no-referrer` would be stricter, but makes browsers send
/// `Origin: null` with the page's own forms (Fetch standard, "append a request `Origin` header").
const REFERRER_STRICT_ORIGIN: HeaderValue = HeaderValue::from_static("strict-origin");

const HSTS: HeaderValue = HeaderValue::from_static("max-age=63072000");

/// Maximum length of a request's target, header names and header values together. Forward authentication has no limit
/// but the library's (128 KiB and 96 headers).
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// Adds the headers of every response under an API path, errors included.
pub(crate) fn add_api(headers: &mut HeaderMap) {
    headers.insert(VARY, VARY_AUTHORIZATION);
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, NO_STORE);
    }
}

/// Adds the security headers. `has_secret_url`: the URL of the request contains a secret.
pub(crate) fn add_security(headers: &mut HeaderMap, is_https: bool, has_secret_url: bool) {
    for (name, value) in SECURITY_HEADERS {
        headers.insert(name, value);
    }
    headers.insert(REFERRER_POLICY, if has_secret_url { REFERRER_STRICT_ORIGIN } else { REFERRER_SAME_ORIGIN });
    if is_https {
        headers.insert(STRICT_TRANSPORT_SECURITY, HSTS);
    }
}

/// Returns the response to a request whose head is too long: 431 (RFC 6585, section 5). `None` if it is not, and for
/// [`is_forward_auth_path`]: proxies turn a status that they do not expect into a 500.
#[must_use]
pub(crate) fn reject_long_head(request: &ServiceRequest) -> Option<HttpResponse> {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let head = request.headers().iter().fold(target, |sum, (name, value)| sum + name.as_str().len() + value.len() + 4);
    if head <= MAX_HEAD_BYTES || is_forward_auth_path(request.path()) {
        return None;
    }
    let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    Some(if is_api_path(request.path()) {
        HttpResponse::build(status).json(serde_json::json!({"detail": "Request header fields too large."}))
    } else {
        html::message(
            status,
            &Message::new(
                "The request is too large",
                "Your browser sent more than 16 KiB of headers. Delete this site’s cookies and try again.",
            ),
        )
    })
}
