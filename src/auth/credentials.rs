//! Parse the Authorization header.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::accounts::model::EmailAddress;
use crate::auth::rejection::{Reason, Refusal};
use crate::tokens::secret::ValueDigest;

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

/// What a well-formed Authorization header presents.
#[derive(Debug)]
pub struct Presented {
    pub(crate) style: Style,
    pub(crate) digest: ValueDigest,
    email: Option<String>,
}

impl Presented {
    /// What the database holds in place of the value.
    #[must_use]
    pub fn digest(&self) -> &ValueDigest {
        &self.digest
    }

    /// Is no owner named with the value?
    pub(crate) fn is_anonymous(&self) -> bool {
        self.email.is_none()
    }

    /// Is this the owner that was named, if one was?
    pub(crate) fn is_of(&self, owner: &EmailAddress) -> bool {
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
