//! Mistakes in `Authorization` headers that clients make often, so that the response can name them. This module is used
//! for rejected headers only: a mistake never makes a header valid.

use crate::tokens::secret::PREFIX;

/// A mistake in what should be a token value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueMistake {
    /// Quotation marks around it.
    Quotes,
    /// Angle brackets around it.
    AngleBrackets,
    /// An invisible character in it, such as a byte order mark.
    InvisibleCharacter,
    /// A line break or a space in it, or a line break as an escape sequence at its end.
    LineBreak,
    /// The name of a variable that a shell or a template did not replace.
    Variable,
    /// The password of Basic credentials, which are not an email address and a token. With a `.netrc` file some clients
    /// replace the header that was set.
    BasicPassword,
}

/// A mistake in or around what should be the scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemeMistake {
    /// A token value without a scheme.
    Missing,
    /// A colon or an equals sign after the scheme.
    Punctuation,
    /// No space between the scheme and the value.
    NoSpace,
    /// Quotation marks, brackets or invisible characters before the scheme.
    Surrounded,
}

/// The mistake in a text that is not a token value, if it is a known one.
pub(crate) fn find_in_value(text: &str) -> Option<ValueMistake> {
    let is_escape = |end: &&str| {
        text.len() >= end.len() && text.is_char_boundary(text.len() - end.len()) && {
            text[text.len() - end.len()..].eq_ignore_ascii_case(end)
        }
    };
    if text.contains(char::is_whitespace) || ["\\n", "\\r", "%0a", "%0d"].iter().any(is_escape) {
        Some(ValueMistake::LineBreak)
    } else if text.contains(is_invisible) {
        Some(ValueMistake::InvisibleCharacter)
    } else if is_variable(text.trim_matches(is_quote)) {
        Some(ValueMistake::Variable)
    } else if text.starts_with('<') || text.ends_with('>') {
        Some(ValueMistake::AngleBrackets)
    } else if text.starts_with(is_quote) || text.ends_with(is_quote) {
        Some(ValueMistake::Quotes)
    } else {
        None
    }
}

/// The mistake in Basic credentials whose password is not a token value, if it is a known one.
pub(crate) fn find_in_basic(user: &str, password: &str) -> Option<ValueMistake> {
    find_in_value(password).or_else(|| {
        let is_token_like = password.is_empty() || password.starts_with(PREFIX);
        // An email address and letters and digits may be what was meant to be an address and a token.
        let is_meant_for_us = user.contains('@') && password.bytes().all(|byte| byte.is_ascii_alphanumeric());
        Some(ValueMistake::BasicPassword).filter(|_| !is_token_like && !is_meant_for_us)
    })
}

/// The mistake in a header that begins with no known scheme, if it is a known one.
pub(crate) fn find_in_header(header: &[u8]) -> Option<SchemeMistake> {
    let word = std::str::from_utf8(header).ok()?.split_ascii_whitespace().next()?;
    let bare =
        word.trim_start_matches(|c: char| is_quote(c) || is_invisible(c) || c.is_whitespace() || "<[({".contains(c));
    if bare.starts_with(PREFIX) {
        return Some(SchemeMistake::Missing);
    }
    let rest = ["bearer", "token", "basic"]
        .iter()
        .find(|scheme| bare.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
        .map(|scheme| &bare[scheme.len()..])?;
    if rest.starts_with([':', '=']) {
        Some(SchemeMistake::Punctuation)
    } else if rest.starts_with(PREFIX) {
        Some(SchemeMistake::NoSpace)
    } else if rest.chars().all(|c| is_quote(c) || is_invisible(c)) {
        Some(SchemeMistake::Surrounded)
    } else {
        None
    }
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'' | '`' | '´' | '«' | '»' | '‹' | '›' | '\u{2018}'..='\u{201f}')
}

/// Control characters, and characters of Unicode's `Default_Ignorable_Code_Point` that occur in copied text.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}

/// `$NAME`, `${NAME}`, `{{name}}`, `{name}`, `%NAME%`, or a name in capital letters with an underscore.
fn is_variable(text: &str) -> bool {
    let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    text.starts_with(['$', '{'])
        || (text.len() > 2 && text.starts_with('%') && text.ends_with('%'))
        || (text.contains('_') && text.chars().all(is_name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random;
    use crate::tokens::secret::TokenValue;
    use proptest::prelude::*;

    #[test]
    fn each_known_mistake_in_a_value_is_found() {
        use ValueMistake::{AngleBrackets, InvisibleCharacter, LineBreak, Quotes, Variable};
        let value = TokenValue::generate(&mut random::os_rng()).reveal().to_owned();
        for (text, mistake) in [
            (format!("\"{value}\""), Quotes),
            (format!("'{value}'"), Quotes),
            (format!("“{value}”"), Quotes),
            (format!("{value}\""), Quotes),
            (format!("<{value}>"), AngleBrackets),
            ("<token>".to_owned(), AngleBrackets),
            (format!("\u{feff}{value}"), InvisibleCharacter),
            (format!("{value}\u{200b}"), InvisibleCharacter),
            (format!("{}\u{ad}{}", &value[..9], &value[9..]), InvisibleCharacter),
            (format!("{value}\0"), InvisibleCharacter),
            (format!("{value}\n"), LineBreak),
            (format!("{value}\r\n"), LineBreak),
            (format!("{value}\u{2028}"), LineBreak),
            (format!("{value}\\n"), LineBreak),
            (format!("{value}%0A"), LineBreak),
            (format!(" {value}"), LineBreak),
            ("$LATCHKEY_TOKEN".to_owned(), Variable),
            ("'$LATCHKEY_TOKEN'".to_owned(), Variable),
            ("${LATCHKEY_TOKEN}".to_owned(), Variable),
            ("{{token}}".to_owned(), Variable),
            ("%LATCHKEY_TOKEN%".to_owned(), Variable),
            ("LATCHKEY_TOKEN".to_owned(), Variable),
        ] {
            assert_eq!(find_in_value(&text), Some(mistake), "{text:?}");
        }
        for text in [&value, "x", "", "é", "%", "%%", &value.to_uppercase()] {
            assert_eq!(find_in_value(text), None, "{text:?}");
        }
    }

    #[test]
    fn basic_credentials_that_are_no_address_and_token_are_found() {
        for (user, password) in [("alice", "secret"), ("alice@example.org", "pass word!".trim_end()), ("", "x")] {
            assert!(find_in_basic(user, password).is_some(), "{user}:{password}");
        }
        assert_eq!(find_in_basic("alice", "secret"), Some(ValueMistake::BasicPassword));
        assert_eq!(find_in_basic("alice@example.org", "se-cret"), Some(ValueMistake::BasicPassword));
        assert_eq!(find_in_basic("alice@example.org", "'rpat'"), Some(ValueMistake::Quotes));
        for (user, password) in [("alice", ""), ("alice", "rpatx"), ("alice@example.org", "x")] {
            assert_eq!(find_in_basic(user, password), None, "{user}:{password}");
        }
    }

    #[test]
    fn each_known_mistake_in_a_scheme_is_found() {
        use SchemeMistake::{Missing, NoSpace, Punctuation, Surrounded};
        for (header, mistake) in [
            ("rpat123", Missing),
            ("\"rpat123\"", Missing),
            ("Bearer: rpat123", Punctuation),
            ("bearer:rpat123", Punctuation),
            ("Token=rpat123", Punctuation),
            ("Bearerrpat123", NoSpace),
            ("\"Bearer rpat123\"", Surrounded),
            ("'Token' rpat123", Surrounded),
            ("\u{feff}Bearer rpat123", Surrounded),
            ("<Bearer rpat123>", Surrounded),
        ] {
            assert_eq!(find_in_header(header.as_bytes()), Some(mistake), "{header:?}");
        }
        for header in ["", " ", "Digest x", "Bearerish x", "Negotiate", "é", "Bearé x", "api-key rpat123"] {
            assert_eq!(find_in_header(header.as_bytes()), None, "{header:?}");
        }
    }

    proptest! {
        #[test]
        fn a_valid_value_contains_no_mistake(nth in any::<u8>()) {
            let value = TokenValue::generate(&mut random::os_rng()).reveal().to_owned();
            prop_assert_eq!(find_in_value(&value), None, "{}", nth);
            prop_assert_eq!(find_in_basic("alice", &value), None);
        }

        #[test]
        fn arbitrary_text_is_searched_without_a_panic(text in any::<String>(), bytes in any::<Vec<u8>>()) {
            let _ = (find_in_value(&text), find_in_basic(&text, &text), find_in_header(&bytes));
            let _ = find_in_header(text.as_bytes());
        }
    }
}
