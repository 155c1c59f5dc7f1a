//! What a page's form sends: read once, within limits, decoded strictly. A handler cannot reach a field of a
//! body that broke a rule.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{BytesMut, Payload as Body};
use actix_web::{FromRequest, HttpRequest};
use zeroize::Zeroizing;

use crate::base::text::ValidationError;
use crate::web::error::PageError;

/// The longest form, in bytes.
const MAX_BODY_BYTES: usize = 16 * 1024;

/// How much more of a body that is too long is read and thrown away, so that the sender gets to read the answer.
const MAX_DRAINED_BYTES: usize = 32 * 1024 * 1024;

/// How long a body may take to arrive.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// The fields of a form (`application/x-www-form-urlencoded`), each at most once. Wiped when dropped: a field may be
/// a password.
pub struct Form(Vec<(String, Zeroizing<String>)>);

impl Form {
    /// The text typed into a field; nothing if the field was not sent.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(field, _)| field == name).map_or("", |(_, text)| text.as_str())
    }

    /// Is a checkbox ticked?
    #[must_use]
    pub fn is_present(&self, name: &str) -> bool {
        self.0.iter().any(|(field, _)| field == name)
    }

    fn parse(body: &[u8]) -> Result<Self, PageError> {
        let mut fields: Vec<(String, Zeroizing<String>)> = Vec::new();
        for pair in body.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty()) {
            let mut halves = pair.splitn(2, |&byte| byte == b'=');
            let name = decode(halves.next().unwrap_or_default())?;
            let text = decode(halves.next().unwrap_or_default())?;
            if fields.iter().any(|(field, _)| *field == name) {
                return Err(bad_request(
                    StatusCode::BAD_REQUEST,
                    "The form has a field twice, so it is not clear which one counts.",
                ));
            }
            fields.push((name, Zeroizing::new(text)));
        }
        Ok(Self(fields))
    }
}

fn decode(part: &[u8]) -> Result<String, PageError> {
    let spaced: Vec<u8> = part.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    let bytes: Vec<u8> = percent_encoding::percent_decode(&spaced).collect();
    String::from_utf8(bytes).map_err(|_| bad_request(StatusCode::BAD_REQUEST, "The form is not UTF-8 text."))
}

fn bad_request(status: StatusCode, why: &str) -> PageError {
    PageError::bad(
        status,
        "This form can’t be read",
        &format!("{why} Nothing was changed. Go back, reload the page and send its form again."),
    )
}

impl FromRequest for Form {
    type Error = PageError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, PageError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_form = request.headers().get(CONTENT_TYPE).is_some_and(|value| {
            let kind = value.as_bytes().split(|&byte| byte == b';').next().unwrap_or_default();
            kind.trim_ascii().eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
        });
        let body = Body::from_request(request, payload);
        Box::pin(async move {
            let body = body.await.map_err(|_| bad_request(StatusCode::BAD_REQUEST, "Its body is missing."))?;
            let bytes = match tokio::time::timeout(READ_TIMEOUT, read(body)).await {
                Ok(bytes) => bytes?,
                Err(_) => return Err(bad_request(StatusCode::REQUEST_TIMEOUT, "It took too long to arrive.")),
            };
            if !is_form && !bytes.is_empty() {
                return Err(bad_request(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    "It was not sent as application/x-www-form-urlencoded.",
                ));
            }
            Self::parse(&bytes)
        })
    }
}

async fn read(mut body: Body) -> Result<BytesMut, PageError> {
    let mut bytes = BytesMut::new();
    let mut thrown_away = 0;
    while let Some(chunk) = next(&mut body).await {
        let chunk = chunk.map_err(|_| bad_request(StatusCode::BAD_REQUEST, "It broke off."))?;
        if thrown_away > 0 || bytes.len() + chunk.len() > MAX_BODY_BYTES {
            thrown_away += chunk.len();
            if thrown_away > MAX_DRAINED_BYTES {
                break;
            }
        } else {
            bytes.extend_from_slice(&chunk);
        }
    }
    if thrown_away > 0 {
        return Err(bad_request(StatusCode::PAYLOAD_TOO_LARGE, "It is longer than 16 KiB."));
    }
    Ok(bytes)
}

async fn next(body: &mut Body) -> Option<Result<actix_web::web::Bytes, actix_web::error::PayloadError>> {
    use futures_core::Stream as _;
    std::future::poll_fn(|context| Pin::new(&mut *body).poll_next(context)).await
}

/// One field of a form as a page shows it: what was typed, and what was wrong with it.
#[derive(Debug, Clone, Default)]
pub struct Field {
    /// What was typed, or what is there to begin with.
    pub text: String,
    /// Why it was refused.
    pub error: Option<String>,
}

impl Field {
    /// A field that shows `text` and nothing wrong with it.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), error: None }
    }

    /// Reads the field `name` of `form` as a `T`; if that can't be, the field says why.
    #[must_use]
    pub fn read<T: std::str::FromStr<Err = ValidationError>>(form: &Form, name: &str) -> (Self, Option<T>) {
        let text = form.text(name);
        match text.parse() {
            Ok(value) => (Self::new(text), Some(value)),
            Err(refused) => (Self { text: text.to_owned(), error: Some(refused.0) }, None),
        }
    }

    /// [`Field::read`] for a field that may be left empty: then the value is `None`.
    #[must_use]
    pub fn read_optional<T: std::str::FromStr<Err = ValidationError>>(
        form: &Form,
        name: &str,
    ) -> (Self, Option<Option<T>>) {
        if form.text(name).trim().is_empty() {
            return (Self::default(), Some(None));
        }
        let (field, value) = Self::read(form, name);
        (field, value.map(Some))
    }

    /// The same field, refused.
    #[must_use]
    pub fn with_error(self, why: impl Into<String>) -> Self {
        Self { error: Some(why.into()), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_are_decoded_strictly_and_come_once() {
        let form = Form::parse(b"name=a+b%20%C3%A9&empty=&flag").unwrap();
        assert_eq!((form.text("name"), form.text("empty"), form.text("missing")), ("a b é", "", ""));
        assert!(form.is_present("flag") && !form.is_present("missing"));
        assert!(Form::parse(b"name=%FF").is_err());
        assert!(Form::parse(b"name=a&name=b").is_err());
        assert!(Form::parse(b"n%61me=a&name=b").is_err());
    }

    fn sent(fields: &[(String, String)]) -> Vec<u8> {
        let encode =
            |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let pairs: Vec<_> = fields.iter().map(|(name, text)| format!("{}={}", encode(name), encode(text))).collect();
        pairs.join("&").into_bytes()
    }

    fn fields(form: &Form) -> Vec<(String, String)> {
        form.0.iter().map(|(name, text)| (name.clone(), text.to_string())).collect()
    }

    proptest! {
        #[test]
        fn what_is_typed_arrives(typed in prop::collection::btree_map("\\PC{1,9}", any::<String>(), 0..6)) {
            let typed: Vec<_> = typed.into_iter().collect();
            prop_assert_eq!(fields(&Form::parse(&sent(&typed)).unwrap()), typed);
        }

        #[test]
        fn a_body_has_one_reading_or_none(
            body in prop_oneof![
                "[a-c%&=+;0-9A-F]{0,40}".prop_map(String::into_bytes),
                prop::collection::vec(any::<u8>(), 0..80),
            ],
        ) {
            let Ok(form) = Form::parse(&body) else { return Ok(()) };
            let read = fields(&form);
            prop_assert_eq!(&fields(&Form::parse(&sent(&read)).unwrap()), &read);
            let names: std::collections::BTreeSet<_> = read.iter().map(|(name, _)| name).collect();
            prop_assert_eq!(names.len(), read.len(), "each field once");
            prop_assert!(read.iter().all(|(name, text)| form.text(name) == text && form.is_present(name)));
        }

        #[test]
        fn a_field_twice_is_no_form(typed in prop::collection::vec(("[ab]", "\\PC{0,9}"), 2..5)) {
            let names: std::collections::BTreeSet<_> = typed.iter().map(|(name, _)| name).collect();
            prop_assert_eq!(Form::parse(&sent(&typed)).is_ok(), names.len() == typed.len());
        }
    }
}
