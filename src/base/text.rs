//! What people type, checked once: a [`Label`] can only hold good text.

use std::str::FromStr;

/// Why a piece of input was refused: a sentence for the person who typed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ValidationError(pub String);

impl ValidationError {
    /// Refused, because of `why`.
    pub fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// A name of something: 1 to 64 characters after trimming, without control characters and without the
/// characters that change the direction of the text around them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisplayName(String);

/// The longest a label may be, in characters.
pub const DISPLAY_NAME_MAX: usize = 64;

impl DisplayName {
    /// The text as it is shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text as it is compared where letters' case must not count.
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

/// The key under which text is compared where letters' case must not count. Folded here, not in the database:
/// `SQLite`'s NOCASE and `PostgreSQL`'s `lower()` disagree outside ASCII.
#[must_use]
pub fn case_fold(text: &str) -> String {
    text.to_lowercase()
}

/// Control characters (C0, C1), line and paragraph separators, and the bidirectional controls of
/// Unicode Standard Annex #9, section 2.
pub(crate) fn is_control_or_bidi(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// Characters that show nothing by themselves, so that a name of nothing else could not be seen.
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{00AD}' | '\u{034F}' | '\u{115F}' | '\u{1160}' | '\u{200B}'..='\u{200D}' | '\u{2060}'..='\u{2064}' | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FFA0}')
}

/// The first `max` characters of `text`, without control characters: for what others send us and we show or log.
#[must_use]
pub fn sanitize(text: &str, max: usize) -> String {
    // What most send: nothing to leave out.
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
    fn a_label_is_trimmed_and_keeps_what_people_write() {
        assert_eq!("  Réporting 📊 é ".parse::<DisplayName>().unwrap().as_str(), "Réporting 📊 é");
        assert_eq!("ÄÖ".parse::<DisplayName>().unwrap().case_folded(), "äö");
        assert!("é".repeat(64).parse::<DisplayName>().is_ok());
    }

    #[test]
    fn a_label_that_is_empty_long_or_deceiving_is_refused() {
        for bad in ["", "   ", &"x".repeat(65), "a\0b", "a\nb", "a\u{202E}b", "\u{200B}", "a\u{2067}"] {
            assert!(bad.parse::<DisplayName>().is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn a_label_is_what_it_shows(text in prop_oneof!["\\PC{0,70}", "[ a\u{202E}\u{200B}\u{AD}\n]{0,6}", any::<String>()]) {
            let Ok(label) = text.parse::<DisplayName>() else { return Ok(()) };
            prop_assert_eq!(label.as_str(), text.trim());
            prop_assert_eq!(label.as_str().parse::<DisplayName>().unwrap(), label.clone());
            prop_assert!((1..=DISPLAY_NAME_MAX).contains(&label.as_str().chars().count()));
            let turns_text = |c: char| c.is_control() || c == '\u{202E}';
            prop_assert!(!label.as_str().chars().any(turns_text));
        }

        #[test]
        fn what_others_send_is_cut_and_harmless(text in any::<String>(), max in 0..40usize) {
            let kept = sanitize(&text, max);
            prop_assert!(kept.chars().count() <= max && !kept.chars().any(char::is_control));
            prop_assert_eq!(sanitize(&kept, max), kept);
        }
    }
}
