//! Forms (`application/x-www-form-urlencoded`): an extractor with limits and strict decoding. Must not give a handler any
//! field of a body that breaks a rule.

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
use crate::web::connections;
use crate::web::error::PageError;

/// Maximum length of a form.
const MAX_BODY_BYTES: usize = 16 * 1024;

/// How much of a longer body is read and discarded, so that the client reads the response instead of a reset connection.
const MAX_DRAINED_BYTES: usize = 32 * 1024 * 1024;

/// Timeout for the whole body.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// The fields of a form, each at most once. Zeroed on drop, because a field may be a password.
pub struct Form(Vec<(String, Zeroizing<String>)>);

impl Form {
    /// Returns the text of a field; empty if the field is missing.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(field, _)| field == name).map_or("", |(_, text)| text.as_str())
    }

    /// Returns whether the field is present, as that of a ticked checkbox is.
    #[must_use]
    pub fn is_present(&self, name: &str) -> bool {
        self.0.iter().any(|(field, _)| field == name)
    }

    /// Creates a form of these fields.
    pub(crate) fn from_fields(fields: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(fields.into_iter().map(|(name, text)| (name, Zeroizing::new(text))).collect())
    }

    fn parse(body: &[u8]) -> Result<Self, PageError> {
        let mut fields: Vec<(String, Zeroizing<String>)> = Vec::new();
        for pair in body.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty()) {
            let mut halves = pair.splitn(2, |&byte| byte == b'=');
            let name = decode(halves.next().unwrap_or_default())?;
            let text = decode(halves.next().unwrap_or_default())?;
            if fields.iter().any(|(field, _)| *field == name) {
                return Err(bad_request(StatusCode::BAD_REQUEST, "The form contains the same field twice."));
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

fn bad_request(status: StatusCode, reason: &str) -> PageError {
    PageError::bad(
        status,
        "This form can’t be read",
        &format!("{reason} Nothing was changed. Go back, reload the page and submit the form again."),
    )
}

impl FromRequest for Form {
    type Error = PageError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, PageError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_form = request.headers().get(CONTENT_TYPE).is_some_and(|value| {
            let media_type = value.as_bytes().split(|&byte| byte == b';').next().unwrap_or_default();
            media_type.trim_ascii().eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
        });
        let body = Body::from_request(request, payload);
        let reading = connections::read_body(request);
        Box::pin(async move {
            let body = body.await.map_err(|_| bad_request(StatusCode::BAD_REQUEST, "The form is empty."))?;
            let bytes = tokio::time::timeout(READ_TIMEOUT, read(body)).await;
            drop(reading);
            let bytes = match bytes {
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
    let mut discarded = 0;
    while let Some(chunk) = next(&mut body).await {
        let chunk = chunk
            .map_err(|_| bad_request(StatusCode::BAD_REQUEST, "The connection broke before the form had arrived."))?;
        if discarded > 0 || bytes.len() + chunk.len() > MAX_BODY_BYTES {
            discarded += chunk.len();
            if discarded > MAX_DRAINED_BYTES {
                break;
            }
        } else {
            bytes.extend_from_slice(&chunk);
        }
    }
    if discarded > 0 {
        return Err(bad_request(StatusCode::PAYLOAD_TOO_LARGE, "The form is larger than 16 KiB."));
    }
    Ok(bytes)
}

async fn next(body: &mut Body) -> Option<Result<actix_web::web::Bytes, actix_web::error::PayloadError>> {
    use futures_core::Stream as _;
    std::future::poll_fn(|context| Pin::new(&mut *body).poll_next(context)).await
}

/// Returns whether one of these fields, each with its id, has an error. For `templates/macros/field.html`.
pub(crate) fn has_error<'a>(errors: &impl AsRef<[(&'a str, Option<&'a str>)]>) -> bool {
    errors.as_ref().iter().any(|(_, error)| error.is_some())
}

/// A form field as a page shows it: its text, and the error in it.
#[derive(Debug, Clone, Default)]
pub struct Field {
    /// The input, or the initial value.
    pub text: String,
    /// The reason why the input is invalid.
    pub error: Option<String>,
}

impl Field {
    /// Creates a field with `text` and without an error.
    pub fn new(text: &(impl ToString + ?Sized)) -> Self {
        Self { text: text.to_string(), error: None }
    }

    /// Parses the field `name` of `form`. If that fails, the returned field has the error and the value is `None`.
    #[must_use]
    pub fn read<T: std::str::FromStr<Err = ValidationError>>(form: &Form, name: &str) -> (Self, Option<T>) {
        let text = form.text(name);
        match text.parse() {
            Ok(value) => (Self::new(text), Some(value)),
            Err(error) => (Self { text: text.to_owned(), error: Some(error.0) }, None),
        }
    }

    /// [`Field::read`] for an optional field: an empty one has the value `Some(None)`.
    #[must_use]
    #[expect(clippy::option_option, reason = "the outer option says whether the input is valid")]
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

    /// Sets the error.
    #[must_use]
    pub fn with_error(self, error: impl Into<String>) -> Self {
        Self { error: Some(error.into()), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_are_decoded_strictly_and_a_repeated_field_is_rejected() {
        let form = Form::parse(b"name=a+b%20%C3%A9&empty=&flag").unwrap();
        assert_eq!((form.text("name"), form.text("empty"), form.text("missing")), ("a b é", "", ""));
        assert!(form.is_present("flag") && !form.is_present("missing"));
        assert!(Form::parse(b"name=%FF").is_err());
        assert!(Form::parse(b"name=a&name=b").is_err());
        assert!(Form::parse(b"n%61me=a&name=b").is_err());
    }

    fn encode_form(fields: &[(String, String)]) -> Vec<u8> {
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
        fn encoded_fields_are_decoded_unchanged(typed in prop::collection::btree_map("\\PC{1,9}", any::<String>(), 0..6)) {
            let typed: Vec<_> = typed.into_iter().collect();
            prop_assert_eq!(fields(&Form::parse(&encode_form(&typed)).unwrap()), typed);
        }

        #[test]
        fn a_body_that_parses_is_unchanged_after_encoding_it_again(
            body in prop_oneof![
                "[a-c%&=+;0-9A-F]{0,40}".prop_map(String::into_bytes),
                prop::collection::vec(any::<u8>(), 0..80),
            ],
        ) {
            let Ok(form) = Form::parse(&body) else { return Ok(()) };
            let read = fields(&form);
            prop_assert_eq!(&fields(&Form::parse(&encode_form(&read)).unwrap()), &read);
            let names: std::collections::BTreeSet<_> = read.iter().map(|(name, _)| name).collect();
            prop_assert_eq!(names.len(), read.len(), "each field once");
            prop_assert!(read.iter().all(|(name, text)| form.text(name) == text && form.is_present(name)));
        }

        #[test]
        fn a_form_parses_exactly_if_its_field_names_are_unique(typed in prop::collection::vec(("[ab]", "\\PC{0,9}"), 2..5)) {
            let names: std::collections::BTreeSet<_> = typed.iter().map(|(name, _)| name).collect();
            prop_assert_eq!(Form::parse(&encode_form(&typed)).is_ok(), names.len() == typed.len());
        }
    }
}
