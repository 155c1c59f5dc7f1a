//! The path to redirect to after sign-in.

use std::str::FromStr;

/// A path of this site to go to after signing in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectTarget(String);

impl RedirectTarget {
    /// The path, with its query.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The sign-in page that leads on to this path.
    #[must_use]
    pub fn login_url(path: &str) -> String {
        format!("/login?next={}", percent_encoding::utf8_percent_encode(path, percent_encoding::NON_ALPHANUMERIC))
    }
}

/// The text is no path of this site.
#[derive(Debug)]
pub struct InvalidRedirectTarget;

impl FromStr for RedirectTarget {
    type Err = InvalidRedirectTarget;
    /// Takes an absolute path in the characters of RFC 3986. A browser reads `//host` and `/\host` as another
    /// site, and drops tabs and line breaks before it looks.
    fn from_str(text: &str) -> Result<Self, InvalidRedirectTarget> {
        let is_path = text.starts_with('/') && !text.starts_with("//") && text.len() <= 2048;
        let is_plain = text.bytes().all(|byte| {
            byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}')
        });
        let loops = ["/login", "/logout", "/setup"].iter().any(|page| text.split('?').next() == Some(page));
        if is_path && is_plain && !loops { Ok(Self(text.to_owned())) } else { Err(InvalidRedirectTarget) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_a_path_of_this_site_comes_next() {
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
        /// A browser resolves a Location as the URL standard says, which the `url` crate follows.
        #[test]
        fn whatever_comes_next_is_on_this_site(
            text in prop_oneof![
                "[/\\\\@:.a-z%2f5c\t\n #?é-]{0,24}",
                "/\\PC{0,24}",
                "[/\\\\]{0,3}(https?:)?[/\\\\]{0,3}evil\\.example[/:@]?\\PC{0,9}",
                any::<String>(),
            ],
        ) {
            let Ok(next) = text.parse::<RedirectTarget>() else { return Ok(()) };
            prop_assert_eq!(next.as_str(), &text);
            let here = url::Url::parse("https://tokens.example/login?next=x").unwrap();
            let there = here.join(next.as_str()).unwrap();
            prop_assert_eq!(there.origin(), here.origin(), "{}", text);
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "one header: {}", text);
            let page = RedirectTarget::login_url(next.as_str());
            let query: Vec<_> = url::form_urlencoded::parse(page.strip_prefix("/login?").unwrap().as_bytes()).collect();
            prop_assert_eq!(&query[..], &[("next".into(), text.into())]);
        }
    }
}
