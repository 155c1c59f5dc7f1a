//! Validated user input: a [`DisplayName`] can only hold valid text. The rules for Unicode text are here.

use std::str::FromStr;

use icu_properties::CodePointSetData;
use icu_properties::props::{DefaultIgnorableCodePoint, EmojiModifier, ExtendedPictographic};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

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

/// A name for display: 1 to 64 characters after trimming, in Unicode normalization form C, without control characters,
/// bidirectional controls and invisible characters. At least one character is visible.
#[derive(Debug, Clone, PartialEq, Eq, derive_more::Display)]
pub struct DisplayName(String);

/// Maximum length of a [`DisplayName`], in characters.
pub(crate) const DISPLAY_NAME_MAX: usize = 64;

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

impl DisplayName {
    /// Parses a stored name and keeps its spelling. Version 0.1.0 stored names that are not normalized and names with
    /// invisible characters; they stay readable.
    pub fn from_stored(text: &str) -> Result<Self, ValidationError> {
        if text.is_empty() {
            return Err(ValidationError::new("Enter a name."));
        }
        if text.chars().count() > DISPLAY_NAME_MAX {
            return Err(ValidationError::new(format!("Use at most {DISPLAY_NAME_MAX} characters.")));
        }
        if text.chars().any(is_control_or_bidi) {
            return Err(ValidationError::new(
                "Remove control and text-direction characters. They are invisible and can make one name look like another.",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for DisplayName {
    type Err = ValidationError;
    fn from_str(text: &str) -> Result<Self, ValidationError> {
        let name = Self::from_stored(&nfc(text.trim()))?;
        if !name.0.chars().any(is_visible) {
            return Err(ValidationError::new("Enter a name that can be seen."));
        }
        if has_invisible_outside_emoji(&name.0) {
            return Err(ValidationError::new("Remove invisible characters. They can make one name look like another."));
        }
        Ok(name)
    }
}

/// Returns `text` in Unicode normalization form C (Unicode Standard Annex #15): one spelling for characters that can be
/// composed in several ways.
#[must_use]
pub(crate) fn nfc(text: &str) -> String {
    if text.is_ascii() { text.to_owned() } else { text.nfc().collect() }
}

/// Returns the key for comparison of `text` without regard to case, composition and invisible characters. The database
/// does not fold case: `SQLite`'s NOCASE and `PostgreSQL`'s `lower()` differ outside ASCII.
#[must_use]
pub(crate) fn case_fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let visible: String = text.chars().filter(|c| !is_default_ignorable(*c)).collect();
    // The lower-case letters of a composed character can be composable again: J with caron.
    nfc(&nfc(&visible).to_lowercase())
}

/// Returns whether `c` is a control character (C0, C1), a line or paragraph separator, or a bidirectional control
/// (Unicode Standard Annex #9, section 2).
pub(crate) fn is_control_or_bidi(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// Returns whether `c` has the property `Default_Ignorable_Code_Point` (Unicode Standard, section 5.21): fonts show nothing
/// for it.
pub(crate) fn is_default_ignorable(c: char) -> bool {
    !c.is_ascii() && CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// Returns whether `c` has a visible glyph of its own. U+2800 is the empty Braille pattern.
pub(crate) fn is_visible(c: char) -> bool {
    !c.is_whitespace() && !is_default_ignorable(c) && !is_combining_mark(c) && c != '\u{2800}'
}

/// Returns whether `text` has a default-ignorable character that is not part of an emoji: U+FE0F after a pictograph, or
/// U+200D between two (Unicode Technical Standard #51, ED-16).
fn has_invisible_outside_emoji(text: &str) -> bool {
    const JOINER: char = '\u{200D}';
    const EMOJI_PRESENTATION: char = '\u{FE0F}';
    let is_pictograph = |c: char| CodePointSetData::new::<ExtendedPictographic>().contains(c);
    let is_modifier = |c: char| CodePointSetData::new::<EmojiModifier>().contains(c);
    let mut previous = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let is_allowed = match c {
            EMOJI_PRESENTATION => previous.is_some_and(is_pictograph),
            JOINER => {
                previous.is_some_and(|it| is_pictograph(it) || is_modifier(it) || it == EMOJI_PRESENTATION)
                    && chars.peek().copied().is_some_and(is_pictograph)
            }
            _ => !is_default_ignorable(c),
        };
        if !is_allowed {
            return true;
        }
        previous = Some(c);
    }
    false
}

/// Returns the first `max` characters of `text`, without control characters and bidirectional controls: for untrusted
/// text that pages show or the log contains.
#[must_use]
pub(crate) fn sanitize(text: &str, max: usize) -> String {
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
        for bad in ["", "   ", &"x".repeat(65), "a\0b", "a\nb", "a\u{202E}b", "a\u{2067}"] {
            assert!(bad.parse::<DisplayName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_display_name_with_an_invisible_character_is_rejected() {
        for invisible in [
            '\u{AD}',
            '\u{34F}',
            '\u{115F}',
            '\u{17B4}',
            '\u{180E}',
            '\u{200B}',
            '\u{200C}',
            '\u{200D}',
            '\u{2060}',
            '\u{2064}',
            '\u{3164}',
            '\u{FE00}',
            '\u{FE0F}',
            '\u{FFA0}',
            '\u{1D173}',
            '\u{E0041}',
            '\u{E0100}',
        ] {
            let name = format!("Rep{invisible}orting");
            assert!(name.parse::<DisplayName>().is_err(), "{name:?}");
        }
        for bad in ["❤\u{FE0F}\u{FE0F}", "👩\u{200D}", "👩\u{200D}a", "a\u{200D}👩", "\u{200D}👩"] {
            assert!(bad.parse::<DisplayName>().is_err(), "{bad:?}");
        }
        for good in ["❤\u{FE0F} Reporting", "👩🏽\u{200D}💻", "🏳\u{FE0F}\u{200D}🌈", "👨\u{200D}👩\u{200D}👧"]
        {
            assert_eq!(good.parse::<DisplayName>().unwrap().as_str(), good);
        }
    }

    #[test]
    fn a_display_name_without_a_visible_character_is_rejected() {
        for bad in ["\u{200B}", "\u{2800}", "\u{301}", "\u{2800} \u{308}", "\u{20DD}"] {
            assert!(bad.parse::<DisplayName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn composed_and_decomposed_spellings_are_the_same_display_name() {
        let [composed, decomposed] = ["Caf\u{E9}", "Cafe\u{301}"].map(|text| text.parse::<DisplayName>().unwrap());
        assert_eq!((composed.as_str(), &composed), ("Caf\u{E9}", &decomposed));
        assert!("e\u{301}".repeat(64).parse::<DisplayName>().is_ok(), "the length is that of the normalized name");
        let stored = DisplayName::from_stored("CAFE\u{301}\u{200B}").unwrap();
        assert_eq!((stored.as_str(), stored.case_folded()), ("CAFE\u{301}\u{200B}", composed.case_folded()));
    }

    proptest! {
        #[test]
        fn a_parsed_display_name_has_only_visible_content(text in prop_oneof!["\\PC{0,70}", "[ ae\u{301}👩\u{202E}\u{200B}\u{200D}\u{FE0F}\u{AD}\n]{0,6}", any::<String>()]) {
            let Ok(name) = text.parse::<DisplayName>() else { return Ok(()) };
            prop_assert_eq!(name.as_str(), nfc(text.trim()));
            prop_assert_eq!(name.as_str().parse::<DisplayName>().unwrap(), name.clone());
            prop_assert_eq!(DisplayName::from_stored(name.as_str()).unwrap(), name.clone());
            prop_assert!((1..=DISPLAY_NAME_MAX).contains(&name.as_str().chars().count()));
            let is_hidden = |c: char| c.is_control() || ['\u{202E}', '\u{200B}', '\u{AD}'].contains(&c);
            prop_assert!(!name.as_str().chars().any(is_hidden));
            prop_assert!(name.as_str().chars().any(is_visible));
        }

        #[test]
        fn a_comparison_key_is_stable_and_independent_of_the_composition(text in prop_oneof!["\\PC{0,20}", any::<String>()]) {
            let key = case_fold(&text);
            prop_assert_eq!(case_fold(&key), key.clone());
            prop_assert_eq!(case_fold(&text.nfd().collect::<String>()), key.clone());
            prop_assert_eq!(case_fold(&nfc(&text)), key);
        }

        #[test]
        fn sanitized_text_is_truncated_and_has_no_control_characters(text in any::<String>(), max in 0..40usize) {
            let sanitized = sanitize(&text, max);
            prop_assert!(sanitized.chars().count() <= max && !sanitized.chars().any(char::is_control));
            prop_assert_eq!(sanitize(&sanitized, max), sanitized);
        }
    }
}
