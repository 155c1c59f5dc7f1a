//! State that all requests share.

use std::sync::Arc;

use actix_web::{HttpRequest, web};

use crate::base::clock::Clock;
use crate::base::public_url::PublicUrl;
use crate::db::Db;
use crate::web::error::PageError;

/// The database, the clock and the site's settings. Clones share them.
#[derive(Clone)]
pub struct AppState {
    /// The database.
    pub db: Db,
    /// Source of the current time.
    pub clock: Clock,
    /// Public URL and trusted proxies.
    pub site: Arc<SiteConfig>,
}

impl AppState {
    /// Returns the state of the server that received `request`.
    pub fn from_request(request: &HttpRequest) -> Result<web::Data<Self>, PageError> {
        request
            .app_data::<web::Data<Self>>()
            .cloned()
            .ok_or_else(|| PageError::Internal("no AppState in the app data".to_owned()))
    }
}

/// How clients reach this server.
#[derive(Debug, Clone)]
pub struct SiteConfig {
    /// Origin under which browsers and tools reach the server.
    pub public_url: PublicUrl,
    /// Networks of the proxies whose `X-Forwarded-For` is used.
    pub trusted_proxies: Vec<ipnet::IpNet>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_public_url_is_scheme_host_and_port() {
        let url: PublicUrl = "https://Tokens.Example:443/".parse().unwrap();
        assert_eq!(url.origin(), "https://tokens.example");
        assert_eq!(url.join("/api/"), "https://tokens.example/api/");
        assert!("http://127.0.0.1:8080".parse::<PublicUrl>().unwrap().is_loopback());
        assert!("http://[::1]:8080".parse::<PublicUrl>().unwrap().is_loopback());
        for bad in ["tokens.example", "ftp://x", "https://x/path", "https://u:p@x", "https://x?y", ""] {
            assert!(bad.parse::<PublicUrl>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_public_url_is_an_origin_and_nothing_more(
            text in prop_oneof![
                "https?://[a-zA-Z0-9.-]{1,20}(:[0-9]{1,6})?/?",
                "(https?|ftp|file|javascript):/{0,3}[a-z0-9.:@/?#\\\\%\\[\\]\t ü-]{0,30}",
                any::<String>(),
            ],
        ) {
            let Ok(url) = text.parse::<PublicUrl>() else { return Ok(()) };
            let origin = url.origin();
            prop_assert_eq!(origin.parse::<PublicUrl>().unwrap().origin(), origin.clone(), "{}", text);
            prop_assert!(origin.starts_with(if url.is_https() { "https://" } else { "http://" }), "{}", origin);
            prop_assert!(origin.bytes().all(|byte| byte.is_ascii_graphic()) && origin.matches('/').count() == 2);
            prop_assert!(!origin.contains(['@', '?', '#', '\\']), "{}", origin);
        }
    }
}
