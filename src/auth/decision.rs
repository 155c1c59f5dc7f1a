//! Who is calling: from the Authorization header to a caller, or to the one reason why not. No HTTP answers here.

use crate::auth::caller::{Caller, Found};
use crate::auth::credentials::Presented;
use crate::auth::rejection::{Reason, Refusal};
use crate::base::clock::Timestamp;

/// Decides whether whoever presented this may come in, by what was found behind it.
pub(crate) fn judge(found: Option<Found>, presented: &Presented, now: Timestamp) -> Result<Caller, Refusal> {
    decide(found, presented, now).map_err(|reason| Refusal { style: presented.style, reason })
}

fn decide(found: Option<Found>, presented: &Presented, now: Timestamp) -> Result<Caller, Reason> {
    let Found { caller, end, is_member } = found.ok_or(Reason::Unknown)?;
    if !presented.is_of(&caller.user.email) {
        return Err(Reason::OtherEmail);
    }
    if let Some(at) = caller.ends_at.filter(|at| *at <= now) {
        return Err(Reason::Ended(end, at, caller.value));
    }
    if !is_member || !caller.user.is_active {
        return Err(Reason::Unknown);
    }
    if !caller.role.has_tokens() {
        return Err(Reason::Role);
    }
    Ok(caller)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random;
    use crate::tokens::secret::TokenValue;
    use proptest::prelude::*;

    fn reason(headers: &[&[u8]]) -> (Style, Reason) {
        let refusal = read(headers.iter().copied()).unwrap_err();
        (refusal.style, refusal.reason)
    }

    #[test]
    fn three_schemes_are_read_whatever_their_case_and_spacing() {
        let value = TokenValue::generate(&mut random::secure());
        let basic = BASE64_STANDARD.encode(format!("ada@example.org:{}", value.reveal()));
        for header in
            [format!("Bearer {}", value.reveal()), format!("TOKEN   {}  ", value.reveal()), format!("basic {basic}")]
        {
            let presented = read(std::iter::once(header.as_bytes())).unwrap();
            assert!(presented.digest == value.digest());
        }
    }

    #[test]
    fn what_cannot_be_a_value_is_refused_for_its_own_reason() {
        use Reason::{Missing, NoValue, NotBase64, NotText, Spaces, Twice, Unknown};
        assert_eq!(reason(&[]), (Style::Bearer, Missing));
        assert_eq!(reason(&[b""]), (Style::Bearer, Missing));
        assert_eq!(reason(&[b"Digest x"]), (Style::Bearer, Missing));
        assert_eq!(reason(&[b"Bearer"]), (Style::Bearer, NoValue));
        assert_eq!(reason(&[b"Token  "]), (Style::Token, NoValue));
        assert_eq!(reason(&[b"Token a b"]), (Style::Token, Spaces));
        assert_eq!(reason(&[b"Bearer \xff"]), (Style::Bearer, NotText));
        assert_eq!(reason(&[b"Bearer x"]), (Style::Bearer, Unknown));
        assert_eq!(reason(&[b"Basic"]), (Style::Basic, NoValue));
        assert_eq!(reason(&[b"Basic a b"]), (Style::Basic, Spaces));
        assert_eq!(reason(&[b"Basic !"]), (Style::Basic, NotBase64));
        assert_eq!(reason(&[b"Basic YTpi"]), (Style::Basic, Unknown));
        assert_eq!(reason(&[b"Token x", b"Token x"]), (Style::Token, Twice));
    }

    fn scheme() -> impl Strategy<Value = String> {
        let known = prop_oneof!["[Bb][Ee][Aa][Rr][Ee][Rr]", "[Tt][Oo][Kk][Ee][Nn]", "[Bb][Aa][Ss][Ii][Cc]"];
        prop_oneof![4 => known, 1 => "\\PC{0,8}"]
    }

    fn credentials() -> impl Strategy<Value = Vec<u8>> {
        let value = || any::<u8>().prop_map(|_| TokenValue::generate(&mut random::secure()).reveal().to_owned());
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
            return ValueDigest::of(word);
        }
        let pair = String::from_utf8(BASE64_STANDARD.decode(word).ok()?).ok()?;
        ValueDigest::of(&pair[pair.find(':')? + 1..]).filter(|_| scheme.eq_ignore_ascii_case("basic"))
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
            let one = read(std::iter::once(&header[..]));
            prop_assert_eq!(one.as_ref().ok().map(|it| it.digest), presented(&header));
            prop_assert_ne!(one.as_ref().err().map(|it| &it.reason), Some(&Reason::Twice));
            let twice = read([&header[..], &header[..]].into_iter());
            prop_assert_eq!(twice.err().map(|it| it.reason), Some(Reason::Twice), "which one counts is nobody's guess");
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(header in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(read(std::iter::once(&header[..])).ok().map(|it| it.digest), presented(&header));
        }
    }
}
