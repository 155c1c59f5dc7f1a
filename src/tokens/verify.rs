//! Who is calling: from the Authorization header to a caller, or to the one reason why not. No HTTP answers here.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::TokenName;
use super::callers_store;
use super::store::ValueKey;
use super::value::ValueDigest;
use crate::accounts::{EmailAddress, User};
use crate::kernel::clock::Timestamp;
use crate::kernel::db::{Conn, DbError};
use crate::kernel::id::Id;
use crate::workspaces::store::MembershipKey;
use crate::workspaces::{Role, Workspace};

/// Somebody who holds a live value and may use the API.
#[derive(Debug, Clone)]
pub struct Caller {
    pub(crate) value: ValueKey,
    pub(crate) membership: MembershipKey,
    /// The token's uuid.
    pub uuid: Id,
    /// The token's name.
    pub name: TokenName,
    /// What the member may do now.
    pub role: Role,
    /// The member.
    pub user: User,
    /// The workspace that the token opens.
    pub workspace: Arc<Workspace>,
    /// When the value presented stops, if that is known.
    pub ends_at: Option<Timestamp>,
}

impl Caller {
    /// The value presented, as evidence of its use is kept under it.
    #[must_use]
    pub fn value(&self) -> ValueKey {
        self.value
    }
}

/// Why a value ended, where that is not its expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Its token was deleted.
    Deleted,
    /// A new value took its place.
    Retired,
    /// A new value took its place, because somebody else may have had it.
    Exposed,
}

impl End {
    /// The word in the database and in the API's answer.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Retired => "retired",
            Self::Exposed => "exposed",
        }
    }
}

impl std::str::FromStr for End {
    type Err = crate::kernel::text::Refused;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Deleted, Self::Retired, Self::Exposed]
            .into_iter()
            .find(|end| end.as_str() == text)
            .ok_or_else(|| Self::Err::because("not an end"))
    }
}

/// What the database knows of a value.
#[derive(Clone)]
pub(super) struct Found {
    pub caller: Caller,
    pub end: Option<End>,
    pub is_member: bool,
}

/// The style in which a caller asks, and wants to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// RFC 6750; also where nothing, or another scheme, was sent.
    Bearer,
    /// RapidPro's `Token`.
    Token,
    /// RapidPro's `Basic`, with an e-mail address and a value.
    Basic,
}

/// Why somebody is not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// No credentials, or a scheme of somebody else's.
    Missing,
    /// A scheme, and nothing after it.
    NoValue,
    /// A value with spaces.
    Spaces,
    /// Not UTF-8 text.
    NotText,
    /// Basic, and not base64.
    NotBase64,
    /// More than one Authorization header.
    Twice,
    /// No value of ours; or its user is deactivated.
    Unknown,
    /// Basic, and the value is another address's.
    OtherEmail,
    /// A true value that stopped at this moment; `None` for its expiry.
    Ended(Option<End>, Timestamp, ValueKey),
    /// A role that may not use the API.
    Role,
}

/// Why somebody is not let in, and how to tell them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// How.
    pub style: Style,
    /// Why.
    pub reason: Reason,
}

/// What a well-formed Authorization header presents.
#[derive(Debug)]
pub struct Presented {
    style: Style,
    digest: ValueDigest,
    email: Option<String>,
}

impl Presented {
    /// What the database holds in place of the value.
    #[must_use]
    pub fn digest(&self) -> &ValueDigest {
        &self.digest
    }

    /// Is no owner named with the value?
    pub(super) fn is_anonymous(&self) -> bool {
        self.email.is_none()
    }

    /// Is this the owner that was named, if one was?
    pub(super) fn is_of(&self, owner: &EmailAddress) -> bool {
        self.email.as_ref().is_none_or(|email| email.parse::<EmailAddress>().is_ok_and(|it| it.key() == owner.key()))
    }
}

/// Reads the Authorization headers of a request. Refuses without asking the database whatever can't be a value.
pub fn read<'a>(mut headers: impl Iterator<Item = &'a [u8]>) -> Result<Presented, Refusal> {
    let Some(header) = headers.next() else { return Err(Refusal { style: Style::Bearer, reason: Reason::Missing }) };
    let mut words = header.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let style = match words.next() {
        Some(word) if word.eq_ignore_ascii_case(b"bearer") => Some(Style::Bearer),
        Some(word) if word.eq_ignore_ascii_case(b"token") => Some(Style::Token),
        Some(word) if word.eq_ignore_ascii_case(b"basic") => Some(Style::Basic),
        Some(_) | None => None,
    };
    let refuse = |reason| Refusal { style: style.unwrap_or(Style::Bearer), reason };
    if headers.next().is_some() {
        return Err(refuse(Reason::Twice));
    }
    let style = style.ok_or_else(|| refuse(Reason::Missing))?;
    let credentials = words.next().ok_or_else(|| refuse(Reason::NoValue))?;
    if words.next().is_some() {
        return Err(refuse(Reason::Spaces));
    }
    let of = |text: &str| ValueDigest::of(text).ok_or_else(|| refuse(Reason::Unknown));
    if style != Style::Basic {
        let text = std::str::from_utf8(credentials).map_err(|_| refuse(Reason::NotText))?;
        return Ok(Presented { style, digest: of(text)?, email: None });
    }
    std::str::from_utf8(credentials).map_err(|_| refuse(Reason::NotText))?;
    let pair = BASE64_STANDARD
        .decode(credentials)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .map(zeroize::Zeroizing::new)
        .ok_or_else(|| refuse(Reason::NotBase64))?;
    let (email, value) = pair.split_once(':').unwrap_or((&pair, ""));
    Ok(Presented { style, digest: of(value)?, email: Some(email.to_owned()) })
}

/// Finds the caller behind what was presented by a lookup of its own, for whoever has no door.
pub fn check(conn: &mut Conn, presented: &Presented, now: Timestamp) -> Result<Result<Caller, Refusal>, DbError> {
    let found = callers_store::find_by_digest(conn, &presented.digest)?;
    Ok(judge(found, presented, now))
}

/// Decides whether whoever presented this may come in, by what was found behind it.
pub(super) fn judge(found: Option<Found>, presented: &Presented, now: Timestamp) -> Result<Caller, Refusal> {
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
    use crate::kernel::rng;
    use crate::tokens::value::TokenValue;
    use proptest::prelude::*;

    fn reason(headers: &[&[u8]]) -> (Style, Reason) {
        let refusal = read(headers.iter().copied()).unwrap_err();
        (refusal.style, refusal.reason)
    }

    #[test]
    fn three_schemes_are_read_whatever_their_case_and_spacing() {
        let value = TokenValue::generate(&mut rng::secure());
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
        let value = || any::<u8>().prop_map(|_| TokenValue::generate(&mut rng::secure()).reveal().to_owned());
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
