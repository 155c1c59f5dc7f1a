//! Parsing of the Authorization header. This module does not query the database.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

use crate::accounts::model::EmailAddress;
use crate::auth::mistake::{self, ValueMistake};
use crate::auth::rejection::{AuthScheme, Rejection, RejectionReason};
use crate::tokens::secret::ValueDigest;

/// The credentials of a well-formed Authorization header.
#[derive(Debug)]
pub struct Credentials {
    pub(crate) scheme: AuthScheme,
    pub(crate) digest: ValueDigest,
    email: Option<String>,
}

impl Credentials {
    /// The digest of the presented value.
    #[must_use]
    pub fn digest(&self) -> &ValueDigest {
        &self.digest
    }

    /// Returns `true` if the credentials have no email address.
    pub(crate) fn has_no_email(&self) -> bool {
        self.email.is_none()
    }

    /// Returns `true` if the credentials have no email address, or the owner's.
    pub(crate) fn matches_email(&self, owner: &EmailAddress) -> bool {
        self.email
            .as_ref()
            .is_none_or(|email| EmailAddress::for_lookup(email).is_ok_and(|it| it.case_folded() == owner.case_folded()))
    }
}

/// Parses the Authorization headers of a request. Rejects malformed values, so that they cause no query.
pub fn parse<'a>(mut headers: impl Iterator<Item = &'a [u8]>) -> Result<Credentials, Rejection> {
    let Some(header) = headers.next() else {
        return Err(Rejection { scheme: AuthScheme::Bearer, reason: RejectionReason::MissingCredentials });
    };
    let mut parts = header.split(u8::is_ascii_whitespace).filter(|part| !part.is_empty());
    let scheme = match parts.next() {
        Some(scheme) if scheme.eq_ignore_ascii_case(b"bearer") => Some(AuthScheme::Bearer),
        Some(scheme) if scheme.eq_ignore_ascii_case(b"token") => Some(AuthScheme::Token),
        Some(scheme) if scheme.eq_ignore_ascii_case(b"basic") => Some(AuthScheme::Basic),
        Some(_) | None => None,
    };
    let reject = |reason| Rejection { scheme: scheme.unwrap_or(AuthScheme::Bearer), reason };
    if headers.next().is_some() {
        return Err(reject(RejectionReason::DuplicateHeader));
    }
    let scheme = scheme.ok_or_else(|| {
        let mistake = mistake::find_in_header(header);
        reject(mistake.map_or(RejectionReason::MissingCredentials, RejectionReason::MalformedScheme))
    })?;
    let credentials = parts.next().ok_or_else(|| reject(RejectionReason::EmptyCredentials))?;
    if parts.next().is_some() {
        return Err(reject(RejectionReason::ContainsSpaces));
    }
    let not_a_value = |mistake: Option<ValueMistake>| {
        reject(mistake.map_or(RejectionReason::UnknownToken, RejectionReason::MalformedValue))
    };
    if scheme != AuthScheme::Basic {
        let text = std::str::from_utf8(credentials).map_err(|_| reject(RejectionReason::InvalidUtf8))?;
        let digest = ValueDigest::parse(text).ok_or_else(|| not_a_value(mistake::find_in_value(text)))?;
        return Ok(Credentials { scheme, digest, email: None });
    }
    std::str::from_utf8(credentials).map_err(|_| reject(RejectionReason::InvalidUtf8))?;
    let bytes = BASE64_STANDARD.decode(credentials).map(Zeroizing::new);
    let bytes = bytes.map_err(|_| reject(RejectionReason::InvalidBase64))?;
    let pair = std::str::from_utf8(&bytes).map_err(|_| reject(RejectionReason::InvalidBasicText))?;
    let (email, value) = pair.split_once(':').unwrap_or((pair, ""));
    let digest = ValueDigest::parse(value).ok_or_else(|| not_a_value(mistake::find_in_basic(email, value)))?;
    Ok(Credentials { scheme, digest, email: Some(email.to_owned()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::mistake::SchemeMistake;
    use crate::auth::rejection::RejectionReason;
    use crate::base::random;
    use crate::tokens::secret::TokenValue;
    use proptest::prelude::*;

    fn reason(headers: &[&[u8]]) -> (AuthScheme, RejectionReason) {
        let rejection = parse(headers.iter().copied()).unwrap_err();
        (rejection.scheme, rejection.reason)
    }

    #[test]
    fn the_three_schemes_are_parsed_in_any_case_and_spacing() {
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
    fn each_malformed_header_has_its_own_rejection_reason() {
        use RejectionReason::{
            ContainsSpaces, DuplicateHeader, EmptyCredentials, InvalidBase64, InvalidBasicText, InvalidUtf8,
            MalformedScheme, MalformedValue, MissingCredentials, UnknownToken,
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
        assert_eq!(reason(&[b"Basic //79"]), (AuthScheme::Basic, InvalidBasicText));
        assert_eq!(reason(&[b"Basic YTpi"]), (AuthScheme::Basic, MalformedValue(ValueMistake::BasicPassword)));
        assert_eq!(reason(&[b"Basic YUBiOmM="]), (AuthScheme::Basic, UnknownToken));
        assert_eq!(reason(&[b"Token 'x'"]), (AuthScheme::Token, MalformedValue(ValueMistake::Quotes)));
        assert_eq!(reason(&[b"Token: x"]), (AuthScheme::Bearer, MalformedScheme(SchemeMistake::Punctuation)));
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

    /// Independent implementation of the parser: a scheme, whitespace, then the value or an encoded email address and
    /// value.
    fn expected_digest(header: &[u8]) -> Option<ValueDigest> {
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
        fn a_header_parses_to_the_value_it_contains_or_to_none(
            scheme in scheme(),
            whitespace in "[ \t]{0,3}",
            credentials in credentials(),
            end in prop_oneof![3 => Just(""), 1 => Just(" "), 1 => Just(" x")],
        ) {
            let header = [scheme.as_bytes(), whitespace.as_bytes(), &credentials, end.as_bytes()].concat();
            let one = parse(std::iter::once(&header[..]));
            prop_assert_eq!(one.as_ref().ok().map(|it| it.digest), expected_digest(&header));
            prop_assert_ne!(one.as_ref().err().map(|it| &it.reason), Some(&RejectionReason::DuplicateHeader));
            let twice = parse([&header[..], &header[..]].into_iter());
            prop_assert_eq!(twice.err().map(|it| it.reason), Some(RejectionReason::DuplicateHeader), "two headers are ambiguous");
        }

        #[test]
        fn arbitrary_bytes_parse_without_a_panic(header in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(parse(std::iter::once(&header[..])).ok().map(|it| it.digest), expected_digest(&header));
        }
    }
}
