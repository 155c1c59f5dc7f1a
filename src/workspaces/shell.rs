//! What every signed-in page shows around itself: the workspace, the switcher, the menu, the person. Prepared here,
//! so that the layout fetches nothing.

use super::extract::Member;
use super::store::Membership;
use super::{Kind, Role, Slug};

/// A place in the menu that every workspace has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// What this workspace is.
    Overview,
    /// Settings: what people may change about it.
    General,
    /// Settings: one's own tokens.
    Tokens,
    /// Settings: who belongs to it, and everybody's tokens.
    Members,
    /// Settings: what happened.
    Activity,
}

impl Section {
    /// Its path in the workspace with this slug.
    #[must_use]
    pub fn path(self, slug: &Slug) -> String {
        match self {
            Self::Overview => format!("/w/{slug}"),
            Self::General => format!("/w/{slug}/settings"),
            Self::Tokens => format!("/w/{slug}/settings/tokens"),
            Self::Members => format!("/w/{slug}/settings/members"),
            Self::Activity => format!("/w/{slug}/settings/activity"),
        }
    }

    fn is_for(self, role: Role) -> bool {
        match self {
            Self::Overview | Self::General | Self::Activity => true,
            Self::Tokens => role.has_tokens(),
            Self::Members => role.administrates(),
        }
    }
}

/// A workspace in the switcher.
#[derive(Debug)]
pub struct Place {
    /// Its name.
    pub name: String,
    /// The letter that stands for it.
    pub mark: String,
    /// Demo or production.
    pub kind: Kind,
    /// The page to go to: the same as here, where it has that page.
    pub path: String,
    /// Is it the one whose page this is?
    pub is_here: bool,
}

/// A line of the menu.
#[derive(Debug)]
pub struct Item {
    /// What it says.
    pub label: &'static str,
    /// Where it leads.
    pub path: String,
    /// Is it the page this is?
    pub is_here: bool,
}

/// What stands around a signed-in page.
#[derive(Debug)]
pub struct Shell {
    /// The workspace's name.
    pub workspace: String,
    /// Demo or production.
    pub kind: Kind,
    /// The letter that stands for it.
    pub mark: String,
    /// The workspaces to switch to, this one among them.
    pub places: Vec<Place>,
    /// The first line of the menu.
    pub overview: Item,
    /// The lines under Settings.
    pub settings: Vec<Item>,
    /// The person's address.
    pub email: String,
    /// What the page before left to say.
    pub flash: Option<String>,
}

impl Shell {
    /// The shell around a page of `section` for `member`.
    #[must_use]
    pub fn around(member: &Member, section: Section) -> Self {
        let slug = &member.workspace.slug;
        let item = |label, it: Section| Item { label, path: it.path(slug), is_here: it == section };
        let settings = [
            ("General", Section::General),
            ("API Token", Section::Tokens),
            ("Members", Section::Members),
            ("Activity", Section::Activity),
        ];
        let settings = settings.into_iter().filter(|(_, it)| it.is_for(member.role));
        let place = |to: &Membership| Place {
            name: to.workspace.profile.name.as_str().to_owned(),
            mark: mark(to.workspace.profile.name.as_str()),
            kind: to.workspace.profile.kind,
            path: if section.is_for(to.role) { section } else { Section::Overview }.path(&to.workspace.slug),
            is_here: to.key == member.membership,
        };
        Self {
            workspace: member.workspace.profile.name.as_str().to_owned(),
            kind: member.workspace.profile.kind,
            mark: mark(member.workspace.profile.name.as_str()),
            places: member.memberships.iter().map(place).collect(),
            overview: item("Overview", Section::Overview),
            settings: settings.map(|(label, it)| item(label, it)).collect(),
            email: member.user.email.as_str().to_owned(),
            flash: None,
        }
    }

    /// The same shell, saying `flash` first.
    #[must_use]
    pub fn saying(self, flash: Option<String>) -> Self {
        Self { flash, ..self }
    }
}

fn mark(name: &str) -> String {
    name.chars().find(|c| c.is_alphanumeric()).map_or_else(|| "#".to_owned(), |c| c.to_uppercase().collect())
}
