//! What the program was started with: the handles that every request may use.

use std::sync::Arc;

use actix_web::{HttpRequest, web};

use super::clock::Clock;
use super::db::Db;
use super::error::PageError;

/// The database, the clock and the site. Clones are handles to the same.
#[derive(Clone)]
pub struct App {
    /// The database.
    pub db: Db,
    /// What time it is.
    pub clock: Clock,
    /// How the outside sees this server.
    pub site: Arc<Site>,
}

impl App {
    /// What the server of this request was started with.
    pub fn of(request: &HttpRequest) -> Result<web::Data<Self>, PageError> {
        request.app_data::<web::Data<Self>>().cloned().ok_or_else(|| PageError::Internal("no App".to_owned()))
    }
}

/// How the outside sees this server.
#[derive(Debug, Clone)]
pub struct Site {
    /// Where people and tools reach it.
    pub public_url: PublicUrl,
    /// The proxies whose word on a client's address counts.
    pub trusted_proxies: Vec<ipnet::IpNet>,
}

/// Scheme, host and port under which people and tools reach this server; no path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(url::Url);

impl PublicUrl {
    /// The origin (RFC 6454): `https://tokens.example`, without a slash at the end.
    #[must_use]
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// The absolute URL of a path that starts with a slash.
    #[must_use]
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.origin())
    }

    /// Is it reached over TLS?
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Is it reached from this machine alone?
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self.0.host() {
            Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        }
    }
}

/// The text is no URL that a site can have.
#[derive(Debug, thiserror::Error)]
#[error("must look like https://tokens.example: http or https, a host, perhaps a port, and nothing after it")]
pub struct NotAPublicUrl;

impl std::str::FromStr for PublicUrl {
    type Err = NotAPublicUrl;
    fn from_str(text: &str) -> Result<Self, NotAPublicUrl> {
        let url = url::Url::parse(text.trim()).map_err(|_| NotAPublicUrl)?;
        let plain = matches!(url.scheme(), "http" | "https")
            && url.host().is_some()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if plain { Ok(Self(url)) } else { Err(NotAPublicUrl) }
    }
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
