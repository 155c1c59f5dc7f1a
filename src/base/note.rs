//! A short note in a person's words.

use std::str::FromStr;

use crate::base::text::{self, ValidationError};

/// Maximum length of a [`Note`], in characters.
pub const NOTE_MAX: usize = 280;

/// A note: 1 to 280 characters of one line after trimming, in Unicode normalization form C, without control characters and
/// bidirectional controls.
#[derive(Debug, Clone, PartialEq, Eq, derive_more::Display)]
pub struct Note(String);

impl Note {
    /// Parses the text of a form field: `None` if it is empty.
    pub fn parse_optional(text: &str) -> Result<Option<Self>, ValidationError> {
        if text.trim().is_empty() { Ok(None) } else { text.parse().map(Some) }
    }

    /// Returns the note case folded, for searches.
    #[must_use]
    pub fn case_folded(&self) -> String {
        text::case_fold(&self.0)
    }

    /// Returns the text for display.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Note {
    type Err = ValidationError;
    fn from_str(input: &str) -> Result<Self, ValidationError> {
        let note = text::nfc(input.trim());
        if note.is_empty() {
            return Err(ValidationError::new("Enter a note."));
        }
        if note.chars().count() > NOTE_MAX {
            return Err(ValidationError::new(format!("Use at most {NOTE_MAX} characters.")));
        }
        if note.chars().any(text::is_control_or_bidi) {
            return Err(ValidationError::new("Remove line breaks, control characters and text-direction characters."));
        }
        Ok(Self(note))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_one_line_of_at_most_280_characters() {
        assert_eq!(Note::parse_optional("  Vault, run by Bob é ").unwrap().unwrap().as_str(), "Vault, run by Bob é");
        assert!("é".repeat(280).parse::<Note>().is_ok());
        for bad in ["", &"x".repeat(281), "a\nb", "a\0b", "a\u{202E}b"] {
            assert!(bad.parse::<Note>().is_err(), "{bad:?}");
        }
        assert_eq!(Note::parse_optional(" \n "), Ok(None));
    }
}
