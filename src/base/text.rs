//! Validated user input: a [`DisplayName`] can only hold valid text.

use std::str::FromStr;

/// The reason why input is invalid: a sentence for the user who typed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ValidationError(pub String);

impl ValidationError {
    /// Creates an error with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// A name for display: 1 to 64 characters after trimming, without control characters and without bidirectional
/// controls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisplayName(String);

/// Maximum length of a [`DisplayName`], in characters.
pub const DISPLAY_NAME_MAX: usize = 64;

impl DisplayName {
    /// Returns the text for display.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the key for case-insensitive comparison.
    #[must_use]
    pub fn case_folded(&self) -> String {
        case_fold(&self.0)
    }
}

impl FromStr for DisplayName {
    type Err = ValidationError;
    fn from_str(text: &str) -> Result<Self, ValidationError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ValidationError::new("Enter a name."));
        }
        if text.chars().count() > DISPLAY_NAME_MAX {
            return Err(ValidationError::new(format!("Use at most {DISPLAY_NAME_MAX} characters.")));
        }
        if text.chars().any(is_control_or_bidi) {
            return Err(ValidationError::new(
                "Remove the control or text-direction characters: they are invisible and can make one name look like another.",
            ));
        }
        if text.chars().all(is_invisible) {
            return Err(ValidationError::new("Enter a name that can be seen."));
        }
        Ok(Self(text.to_owned()))
    }
}

/// Returns the key for case-insensitive comparison of `text`. The database does not fold case: `SQLite`'s NOCASE and
/// `PostgreSQL`'s `lower()` differ outside ASCII.
#[must_use]
pub fn case_fold(text: &str) -> String {
    text.to_lowercase()
}

/// Returns whether `c` is a control character (C0, C1), a line or paragraph separator, or a bidirectional control
/// (Unicode Standard Annex #9, section 2).
pub(crate) fn is_control_or_bidi(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// Returns whether `c` has no visible glyph.
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{00AD}' | '\u{034F}' | '\u{115F}' | '\u{1160}' | '\u{200B}'..='\u{200D}' | '\u{2060}'..='\u{2064}' | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FFA0}')
}

/// Returns the first `max` characters of `text`, without control characters and bidirectional controls: for untrusted
/// text that pages show or the log contains.
#[must_use]
pub fn sanitize(text: &str, max: usize) -> String {
    // Most input is short ASCII and needs no filtering.
    if text.len() <= max && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    text.chars().filter(|c| !is_control_or_bidi(*c)).take(max).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_display_name_is_trimmed_and_otherwise_unchanged() {
        assert_eq!("  Réporting 📊 é ".parse::<DisplayName>().unwrap().as_str(), "Réporting 📊 é");
        assert_eq!("ÄÖ".parse::<DisplayName>().unwrap().case_folded(), "äö");
        assert!("é".repeat(64).parse::<DisplayName>().is_ok());
    }

    #[test]
    fn an_empty_long_or_misleading_display_name_is_rejected() {
        for bad in ["", "   ", &"x".repeat(65), "a\0b", "a\nb", "a\u{202E}b", "\u{200B}", "a\u{2067}"] {
            assert!(bad.parse::<DisplayName>().is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn a_parsed_display_name_has_only_visible_content(text in prop_oneof!["\\PC{0,70}", "[ a\u{202E}\u{200B}\u{AD}\n]{0,6}", any::<String>()]) {
            let Ok(name) = text.parse::<DisplayName>() else { return Ok(()) };
            prop_assert_eq!(name.as_str(), text.trim());
            prop_assert_eq!(name.as_str().parse::<DisplayName>().unwrap(), name.clone());
            prop_assert!((1..=DISPLAY_NAME_MAX).contains(&name.as_str().chars().count()));
            let is_control = |c: char| c.is_control() || c == '\u{202E}';
            prop_assert!(!name.as_str().chars().any(is_control));
        }

        #[test]
        fn sanitized_text_is_truncated_and_has_no_control_characters(text in any::<String>(), max in 0..40usize) {
            let sanitized = sanitize(&text, max);
            prop_assert!(sanitized.chars().count() <= max && !sanitized.chars().any(char::is_control));
            prop_assert_eq!(sanitize(&sanitized, max), sanitized);
        }
    }
}
