//! Protection against cross-site request forgery, by Fetch Metadata and `Origin`.
//!
//! A page that does not exist is a 404 for every origin.
//!
//! The rule is that of Go's `http.CrossOriginProtection`, with one difference: a request with neither `Sec-Fetch-Site` nor
//! `Origin` is rejected, because all supported browsers send one of them with a form.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, ORIGIN};
use actix_web::middleware::Next;
use actix_web::{Error, ResponseError as _, web};

use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::html::Message;

/// Middleware that answers a form from another origin with 403. Required for everything that reads a cookie.
pub(crate) async fn same_origin(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let is_allowed = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
        || request
            .app_data::<web::Data<AppState>>()
            .is_some_and(|app| is_same_origin(request.headers(), &app.site.public_url.origin()));
    if is_allowed {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    if !request.resource_map().has_resource(request.path()) {
        return Ok(request.into_response(PageError::NotFound.error_response()));
    }
    let rejection = PageError::Forbidden(Message::new(
        "This form was not sent from Latchkey",
        "Nothing was changed. For your security, forms are accepted only from this site’s own pages. Open the page again and submit the form there. If you run this server behind a proxy, check that --public-url matches the address in your browser.",
    ));
    Ok(request.into_response(rejection.error_response()))
}

fn is_same_origin(headers: &HeaderMap, public_origin: &str) -> bool {
    let first_two = |name: &str| {
        let mut values = headers.get_all(name);
        (values.next(), values.next())
    };
    match first_two("sec-fetch-site") {
        (Some(site), None) => matches!(site.as_bytes(), b"same-origin" | b"none"),
        (Some(_), Some(_)) => false,
        (None, _) => match first_two(ORIGIN.as_str()) {
            (Some(origin), None) => origin.as_bytes() == public_origin.as_bytes(),
            _ => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    fn is_accepted(headers: &[(&'static str, &'static str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        is_same_origin(&map, "https://tokens.example")
    }

    #[test]
    fn sec_fetch_site_takes_precedence_over_origin() {
        assert!(is_accepted(&[("sec-fetch-site", "same-origin")]));
        assert!(is_accepted(&[("sec-fetch-site", "none")]));
        assert!(is_accepted(&[("sec-fetch-site", "same-origin"), ("origin", "http://localhost:8080")]));
        for site in ["same-site", "cross-site", "", "Same-Origin", "junk"] {
            assert!(!is_accepted(&[("sec-fetch-site", site), ("origin", "https://tokens.example")]), "{site}");
        }
        assert!(!is_accepted(&[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")]));
    }

    #[test]
    fn without_sec_fetch_site_origin_must_equal_the_public_url() {
        assert!(is_accepted(&[("origin", "https://tokens.example")]));
        for origin in
            ["null", "http://tokens.example", "https://tokens.example:8443", "https://tokens.example.evil", ""]
        {
            assert!(!is_accepted(&[("origin", origin)]), "{origin}");
        }
        assert!(!is_accepted(&[]));
    }
}
