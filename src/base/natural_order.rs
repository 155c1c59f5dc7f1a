//! Keys that sort names as people expect: case folded, without accents, and numbers by their value.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::base::text::{DisplayName, case_fold};

impl DisplayName {
    /// Returns the key that sorts the name in natural order.
    #[must_use]
    pub(crate) fn sort_key(&self) -> String {
        sort_key(self.as_str())
    }
}

/// Returns a key whose byte order is the natural order of names: `Anna 2` before `Anna 10`, `émile` beside `Emile`. It is
/// not empty unless `name` is.
#[must_use]
pub(crate) fn sort_key(name: &str) -> String {
    let folded = case_fold(name);
    let plain: String = folded.nfd().filter(|c| !is_combining_mark(*c)).collect();
    let text = if plain.trim().is_empty() { name } else { plain.trim() };
    let mut key = String::with_capacity(text.len() + 8);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            key.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            let number = rest[..digits].trim_start_matches('0');
            // A longer number is larger: its length comes first. A name has fewer than 100 characters.
            let length = number.len();
            key.extend([format!("{length:02}").as_str(), number]);
            rest = &rest[digits..];
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_numbers_and_without_case_and_accents() {
        let expected =
            ["7", "12", "Anna", "anna 2", "Anna 10", "Anna 010 b", "Anna B", "Émile", "emile 2", "Zoë", "Ада", "東京"];
        let mut names = expected;
        names.reverse();
        names.sort_by_key(|name| sort_key(name));
        assert_eq!(names, expected);
    }

    #[test]
    fn a_key_is_never_empty() {
        for name in ["0", "\u{301}", "é", "👩🏽\u{200D}💻", "\u{AD}"] {
            assert!(!sort_key(name).is_empty(), "{name:?}");
        }
    }
}
