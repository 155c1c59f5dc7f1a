//! Parse the Authorization header.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::accounts::model::EmailAddress;
use crate::auth::rejection::{AuthScheme, Rejection, RejectionReason};
use crate::tokens::secret::ValueDigest;

/// What a well-formed Authorization header presents.
#[derive(Debug)]
pub struct Credentials {
    pub(crate) style: AuthScheme,
    pub(crate) digest: ValueDigest,
    email: Option<String>,
}

impl Credentials {
    /// What the database holds in place of the value.
    #[must_use]
    pub fn digest(&self) -> &ValueDigest {
        &self.digest
    }

    /// Is no owner named with the value?
    pub(crate) fn has_no_email(&self) -> bool {
        self.email.is_none()
    }

    /// Is this the owner that was named, if one was?
    pub(crate) fn matches_email(&self, owner: &EmailAddress) -> bool {
        self.email.as_ref().is_none_or(|email| email.parse::<EmailAddress>().is_ok_and(|it| it.key() == owner.key()))
    }
}

/// Reads the Authorization headers of a request. Refuses without asking the database whatever can't be a value.
pub fn parse<'a>(mut headers: impl Iterator<Item = &'a [u8]>) -> Result<Credentials, Rejection> {
    let Some(header) = headers.next() else {
        return Err(Rejection { style: AuthScheme::Bearer, reason: RejectionReason::MissingCredentials });
    };
    let mut words = header.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let style = match words.next() {
        Some(word) if word.eq_ignore_ascii_case(b"bearer") => Some(AuthScheme::Bearer),
        Some(word) if word.eq_ignore_ascii_case(b"token") => Some(AuthScheme::Token),
        Some(word) if word.eq_ignore_ascii_case(b"basic") => Some(AuthScheme::Basic),
        Some(_) | None => None,
    };
    let refuse = |reason| Rejection { style: style.unwrap_or(AuthScheme::Bearer), reason };
    if headers.next().is_some() {
        return Err(refuse(RejectionReason::DuplicateHeader));
    }
    let style = style.ok_or_else(|| refuse(RejectionReason::MissingCredentials))?;
    let credentials = words.next().ok_or_else(|| refuse(RejectionReason::EmptyCredentials))?;
    if words.next().is_some() {
        return Err(refuse(RejectionReason::ContainsSpaces));
    }
    let of = |text: &str| ValueDigest::parse(text).ok_or_else(|| refuse(RejectionReason::UnknownToken));
    if style != AuthScheme::Basic {
        let text = std::str::from_utf8(credentials).map_err(|_| refuse(RejectionReason::InvalidUtf8))?;
        return Ok(Credentials { style, digest: of(text)?, email: None });
    }
    std::str::from_utf8(credentials).map_err(|_| refuse(RejectionReason::InvalidUtf8))?;
    let pair = BASE64_STANDARD
        .decode(credentials)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .map(zeroize::Zeroizing::new)
        .ok_or_else(|| refuse(RejectionReason::InvalidBase64))?;
    let (email, value) = pair.split_once(':').unwrap_or((&pair, ""));
    Ok(Credentials { style, digest: of(value)?, email: Some(email.to_owned()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::rejection::RejectionReason;
    use crate::base::random;
    use crate::tokens::secret::TokenValue;
    use proptest::prelude::*;

    fn reason(headers: &[&[u8]]) -> (AuthScheme, RejectionReason) {
        let refusal = parse(headers.iter().copied()).unwrap_err();
        (refusal.style, refusal.reason)
    }

    #[test]
    fn three_schemes_are_read_whatever_their_case_and_spacing() {
        let value = TokenValue::generate(&mut random::os_rng());
        let basic = BASE64_STANDARD.encode(format!("ada@example.org:{}", value.reveal()));
        for header in
            [format!("Bearer {}", value.reveal()), format!("TOKEN   {}  ", value.reveal()), format!("basic {basic}")]
        {
            let presented = parse(std::iter::once(header.as_bytes())).unwrap();
            assert!(presented.digest == value.digest());
        }
    }

    #[test]
    fn what_cannot_be_a_value_is_refused_for_its_own_reason() {
        use RejectionReason::{
            ContainsSpaces, DuplicateHeader, EmptyCredentials, InvalidBase64, InvalidUtf8, MissingCredentials,
            UnknownToken,
        };
        assert_eq!(reason(&[]), (AuthScheme::Bearer, MissingCredentials));
        assert_eq!(reason(&[b""]), (AuthScheme::Bearer, MissingCredentials));
        assert_eq!(reason(&[b"Digest x"]), (AuthScheme::Bearer, MissingCredentials));
        assert_eq!(reason(&[b"Bearer"]), (AuthScheme::Bearer, EmptyCredentials));
        assert_eq!(reason(&[b"Token  "]), (AuthScheme::Token, EmptyCredentials));
        assert_eq!(reason(&[b"Token a b"]), (AuthScheme::Token, ContainsSpaces));
        assert_eq!(reason(&[b"Bearer \xff"]), (AuthScheme::Bearer, InvalidUtf8));
        assert_eq!(reason(&[b"Bearer x"]), (AuthScheme::Bearer, UnknownToken));
        assert_eq!(reason(&[b"Basic"]), (AuthScheme::Basic, EmptyCredentials));
        assert_eq!(reason(&[b"Basic a b"]), (AuthScheme::Basic, ContainsSpaces));
        assert_eq!(reason(&[b"Basic !"]), (AuthScheme::Basic, InvalidBase64));
        assert_eq!(reason(&[b"Basic YTpi"]), (AuthScheme::Basic, UnknownToken));
        assert_eq!(reason(&[b"Token x", b"Token x"]), (AuthScheme::Token, DuplicateHeader));
    }

    fn scheme() -> impl Strategy<Value = String> {
        let known = prop_oneof!["[Bb][Ee][Aa][Rr][Ee][Rr]", "[Tt][Oo][Kk][Ee][Nn]", "[Bb][Aa][Ss][Ii][Cc]"];
        prop_oneof![4 => known, 1 => "\\PC{0,8}"]
    }

    fn credentials() -> impl Strategy<Value = Vec<u8>> {
        let value = || any::<u8>().prop_map(|_| TokenValue::generate(&mut random::os_rng()).reveal().to_owned());
        let pair =
            ("[a-z@.:]{0,12}", value()).prop_map(|(email, value)| BASE64_STANDARD.encode(format!("{email}:{value}")));
        let junk = prop::collection::vec(any::<u8>(), 0..60);
        prop_oneof![
            value().prop_map(String::into_bytes),
            pair.prop_map(String::into_bytes),
            junk.clone().prop_map(|junk| BASE64_STANDARD.encode(junk).into_bytes()),
            junk,
        ]
    }

    /// The digest of what a header presents, by another way: one scheme, blanks, one word that is the value or, behind
    /// an address, has it encoded.
    fn presented(header: &[u8]) -> Option<ValueDigest> {
        let text = std::str::from_utf8(header).ok()?;
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let [scheme, word] = words[..] else { return None };
        if ["bearer", "token"].contains(&scheme.to_ascii_lowercase().as_str()) {
            return ValueDigest::parse(word);
        }
        let pair = String::from_utf8(BASE64_STANDARD.decode(word).ok()?).ok()?;
        ValueDigest::parse(&pair[pair.find(':')? + 1..]).filter(|_| scheme.eq_ignore_ascii_case("basic"))
    }

    proptest! {
        #[test]
        fn a_header_presents_the_value_that_stands_in_it_or_nothing(
            scheme in scheme(),
            blanks in "[ \t]{0,3}",
            credentials in credentials(),
            end in prop_oneof![3 => Just(""), 1 => Just(" "), 1 => Just(" x")],
        ) {
            let header = [scheme.as_bytes(), blanks.as_bytes(), &credentials, end.as_bytes()].concat();
            let one = parse(std::iter::once(&header[..]));
            prop_assert_eq!(one.as_ref().ok().map(|it| it.digest), presented(&header));
            prop_assert_ne!(one.as_ref().err().map(|it| &it.reason), Some(&RejectionReason::DuplicateHeader));
            let twice = parse([&header[..], &header[..]].into_iter());
            prop_assert_eq!(twice.err().map(|it| it.reason), Some(RejectionReason::DuplicateHeader), "which one counts is nobody's guess");
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(header in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(parse(std::iter::once(&header[..])).ok().map(|it| it.digest), presented(&header));
        }
    }
}
