//! The headers that every answer carries, and the limit on those that a request may.

use actix_web::HttpResponse;
use actix_web::dev::ServiceRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY};

use super::page::{self, Notice};

const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const PERMISSIONS_POLICY: &str = "accelerometer=(), autoplay=(), camera=(), clipboard-read=(), clipboard-write=(self), display-capture=(), encrypted-media=(), fullscreen=(), geolocation=(), gyroscope=(), hid=(), identity-credentials-get=(), idle-detection=(), local-fonts=(), magnetometer=(), microphone=(), midi=(), payment=(), picture-in-picture=(), publickey-credentials-create=(), publickey-credentials-get=(), screen-wake-lock=(), serial=(), storage-access=(), usb=(), web-share=(), window-management=(), xr-spatial-tracking=()";

/// The longest head of a request, in bytes of its header names and values and its target.
const HEAD_MAX: usize = 16 * 1024;

/// Adds what every answer says to a browser. Where the page's own address holds a code, nobody is told more of it than
/// the site. `no-referrer` would be stricter, but makes browsers send `Origin: null` with our own forms.
pub fn add_security(headers: &mut HeaderMap, is_https: bool, is_at_a_secret: bool) {
    const ALWAYS: [(&str, &str); 5] = [
        ("content-security-policy", CONTENT_SECURITY_POLICY),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", PERMISSIONS_POLICY),
    ];
    for (name, value) in ALWAYS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let referrer = HeaderValue::from_static(if is_at_a_secret { "strict-origin" } else { "same-origin" });
    headers.insert(REFERRER_POLICY, referrer);
    if is_https {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=63072000"));
    }
}

/// The answer to a request whose head is longer than 16 KiB: 431 (RFC 6585, section 5).
#[must_use]
pub fn refuse_long_head(request: &ServiceRequest) -> Option<HttpResponse> {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let head = request.headers().iter().fold(target, |sum, (name, value)| sum + name.as_str().len() + value.len() + 4);
    if head <= HEAD_MAX {
        return None;
    }
    let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    Some(if super::answers::is_for_tools(request.path()) {
        HttpResponse::build(status).json(serde_json::json!({"detail": "Request header fields too large."}))
    } else {
        page::notice(
            status,
            &Notice::new(
                "The request is too long",
                "Your browser sent more than 16 KiB of headers. Delete this site’s cookies and try again.",
            ),
        )
    })
}
