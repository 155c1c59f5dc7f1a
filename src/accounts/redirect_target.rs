//! The path to redirect to after login. Must not accept a URL of another site.

use std::str::FromStr;

/// A path of this site, for the redirect after login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RedirectTarget(String);

impl RedirectTarget {
    /// Returns the path with its query.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the URL of the login page with `path` as its target.
    #[must_use]
    pub(crate) fn login_url(path: &str) -> String {
        format!("/login?next={}", percent_encoding::utf8_percent_encode(path, percent_encoding::NON_ALPHANUMERIC))
    }
}

/// The text is not a path of this site.
#[derive(Debug)]
pub(crate) struct InvalidRedirectTarget;

impl FromStr for RedirectTarget {
    type Err = InvalidRedirectTarget;
    /// Accepts an absolute path in the characters of RFC 3986. Browsers treat `//host` and `/\host` as another site, and
    /// remove tabs and line breaks before parsing (URL standard, section 4.4). Paths that would cause a loop are rejected.
    fn from_str(text: &str) -> Result<Self, InvalidRedirectTarget> {
        let is_path = text.starts_with('/') && !text.starts_with("//") && text.len() <= 2048;
        let has_url_characters = text.bytes().all(|byte| {
            byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}')
        });
        let is_loop = ["/login", "/logout", "/setup"].iter().any(|page| text.split('?').next() == Some(page));
        if is_path && has_url_characters && !is_loop { Ok(Self(text.to_owned())) } else { Err(InvalidRedirectTarget) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_a_path_of_this_site_is_accepted() {
        for good in ["/", "/w/acme/settings/tokens/new?name=A%20b", "/w/acme"] {
            assert!(good.parse::<RedirectTarget>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "w/acme",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/\t/evil.example",
            "/a\r\nX: y",
            "/login?next=/",
            "/logout",
            "javascript:alert(1)",
            "/ü",
        ] {
            assert!(bad.parse::<RedirectTarget>().is_err(), "{bad:?}");
        }
    }

    proptest! {
        /// The `url` crate implements the URL standard, like browsers.
        #[test]
        fn an_accepted_target_resolves_to_this_site(
            text in prop_oneof![
                "[/\\\\@:.a-z%2f5c\t\n #?é-]{0,24}",
                "/\\PC{0,24}",
                "[/\\\\]{0,3}(https?:)?[/\\\\]{0,3}evil\\.example[/:@]?\\PC{0,9}",
                any::<String>(),
            ],
        ) {
            let Ok(next) = text.parse::<RedirectTarget>() else { return Ok(()) };
            prop_assert_eq!(next.as_str(), &text);
            let login = url::Url::parse("https://tokens.example/login?next=x").unwrap();
            let target = login.join(next.as_str()).unwrap();
            prop_assert_eq!(target.origin(), login.origin(), "{}", text);
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "a valid header value: {}", text);
            let page = RedirectTarget::login_url(next.as_str());
            let query: Vec<_> = url::form_urlencoded::parse(page.strip_prefix("/login?").unwrap().as_bytes()).collect();
            prop_assert_eq!(&query[..], &[("next".into(), text.into())]);
        }
    }
}
