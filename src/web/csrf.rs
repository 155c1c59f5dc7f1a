//! A page's forms are sent from our own pages, or not at all.
//!
//! The rule is Go's `http.CrossOriginProtection`, with one difference: a request that says nothing of where it comes
//! from (neither `Sec-Fetch-Site` nor `Origin`) is refused, since every browser we serve says it.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, ORIGIN};
use actix_web::middleware::Next;
use actix_web::{Error, ResponseError as _, web};

use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::html::Message;

/// Middleware for everything that reads a cookie.
pub async fn same_origin(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let passes = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
        || request
            .app_data::<web::Data<AppState>>()
            .is_some_and(|app| is_same_origin(request.headers(), &app.site.public_url.origin()));
    if passes {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    let refused = PageError::Forbidden(Message::new(
        "This form was not sent from Latchkey",
        "Nothing was changed. To keep others from acting in your name, a form counts only when it is sent from this site’s own pages. Open the page again and send it from there. If you run this server behind a proxy, check that --public-url is the address in your browser.",
    ));
    Ok(request.into_response(refused.error_response()))
}

fn is_same_origin(headers: &HeaderMap, public_origin: &str) -> bool {
    let one = |name: &str| {
        let mut values = headers.get_all(name);
        (values.next(), values.next())
    };
    match one("sec-fetch-site") {
        (Some(site), None) => matches!(site.as_bytes(), b"same-origin" | b"none"),
        (Some(_), Some(_)) => false,
        (None, _) => match one(ORIGIN.as_str()) {
            (Some(origin), None) => origin.as_bytes() == public_origin.as_bytes(),
            _ => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    fn passes(headers: &[(&'static str, &'static str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        is_same_origin(&map, "https://tokens.example")
    }

    #[test]
    fn the_browser_s_word_on_the_site_counts_before_the_origin() {
        assert!(passes(&[("sec-fetch-site", "same-origin")]));
        assert!(passes(&[("sec-fetch-site", "none")]));
        assert!(passes(&[("sec-fetch-site", "same-origin"), ("origin", "http://localhost:8080")]));
        for site in ["same-site", "cross-site", "", "Same-Origin", "junk"] {
            assert!(!passes(&[("sec-fetch-site", site), ("origin", "https://tokens.example")]), "{site}");
        }
        assert!(!passes(&[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")]));
    }

    #[test]
    fn without_it_the_origin_must_be_the_public_url_s() {
        assert!(passes(&[("origin", "https://tokens.example")]));
        for origin in
            ["null", "http://tokens.example", "https://tokens.example:8443", "https://tokens.example.evil", ""]
        {
            assert!(!passes(&[("origin", origin)]), "{origin}");
        }
        assert!(!passes(&[]));
    }
}
