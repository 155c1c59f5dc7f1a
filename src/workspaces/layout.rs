//! What every signed-in page shows around itself: the workspace, the switcher, the menu, the person. Prepared here,
//! so that the layout fetches nothing.

use crate::workspaces::create::can_create;
use crate::workspaces::extract::{CurrentMember, UserWithMemberships};
use crate::workspaces::model::{Membership, Slug, Workspace};
use crate::workspaces::profile::{Role, WorkspaceKind};

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
            Self::Tokens => role.can_have_tokens(),
            Self::Members => role.is_admin(),
        }
    }
}

/// A workspace in the switcher.
#[derive(Debug)]
pub struct WorkspaceLink {
    /// Its name.
    pub name: String,
    /// The letter that stands for it.
    pub mark: String,
    /// Demo or production.
    pub kind: WorkspaceKind,
    /// The page to go to: the same as here, where it has that page.
    pub path: String,
    /// Is it the one whose page this is?
    pub is_current: bool,
}

impl WorkspaceLink {
    fn of(to: &Membership) -> Self {
        let Workspace { slug, profile, .. } = &to.workspace;
        Self {
            name: profile.name.as_str().to_owned(),
            mark: initial(profile.name.as_str()),
            kind: profile.kind,
            path: Section::Overview.path(slug),
            is_current: false,
        }
    }
}

/// A line of the menu.
#[derive(Debug)]
pub struct NavItem {
    /// What it says.
    pub label: &'static str,
    /// Where it leads.
    pub path: String,
    /// Is it the page this is?
    pub is_current: bool,
}

/// What stands around a signed-in page.
#[derive(Debug)]
pub struct WorkspaceLayout {
    /// The workspace's name.
    pub workspace: String,
    /// Demo or production.
    pub kind: WorkspaceKind,
    /// The letter that stands for it.
    pub mark: String,
    /// The workspaces to switch to, this one among them.
    pub places: Vec<WorkspaceLink>,
    /// May the person make another?
    pub may_found: bool,
    /// The first line of the menu.
    pub overview: NavItem,
    /// The lines under Settings.
    pub settings: Vec<NavItem>,
    /// The person's address.
    pub email: String,
    /// What the page before left to say.
    pub flash: Option<String>,
}

impl WorkspaceLayout {
    /// The shell around a page of `section` for `member`.
    #[must_use]
    pub fn new(member: &CurrentMember, section: Section) -> Self {
        let slug = &member.workspace.slug;
        let item = |label, it: Section| NavItem { label, path: it.path(slug), is_current: it == section };
        let settings = [
            ("General", Section::General),
            ("API Token", Section::Tokens),
            ("Members", Section::Members),
            ("Activity", Section::Activity),
        ];
        let settings = settings.into_iter().filter(|(_, it)| it.is_for(member.role));
        let place = |to: &Membership| WorkspaceLink {
            path: if section.is_for(to.role) { section } else { Section::Overview }.path(&to.workspace.slug),
            is_current: to.key == member.membership,
            ..WorkspaceLink::of(to)
        };
        Self {
            workspace: member.workspace.profile.name.as_str().to_owned(),
            kind: member.workspace.profile.kind,
            mark: initial(member.workspace.profile.name.as_str()),
            places: member.memberships.iter().map(place).collect(),
            may_found: can_create(&member.memberships),
            overview: item("Overview", Section::Overview),
            settings: settings.map(|(label, it)| item(label, it)).collect(),
            email: member.user.email.as_str().to_owned(),
            flash: None,
        }
    }

    /// The same shell, saying `flash` first.
    #[must_use]
    pub fn with_flash(self, flash: Option<String>) -> Self {
        Self { flash, ..self }
    }
}

/// What stands around a page that belongs to a person and to no workspace. Nothing of it has a workspace's colour.
#[derive(Debug)]
pub struct AccountLayout {
    /// What the person is called.
    pub name: String,
    /// The letter that stands for them.
    pub mark: String,
    /// The workspaces to go to.
    pub places: Vec<WorkspaceLink>,
    /// May the person make another?
    pub may_found: bool,
    /// The workspace last used, to go back to.
    pub back: Option<WorkspaceLink>,
    /// Is it the account's own page?
    pub is_account: bool,
    /// The person's address.
    pub email: String,
    /// What the page before left to say.
    pub flash: Option<String>,
}

impl AccountLayout {
    /// The shell around a page of a person's own.
    #[must_use]
    pub fn new(person: &UserWithMemberships, is_account: bool) -> Self {
        Self {
            name: person.user.name.as_str().to_owned(),
            mark: initial(person.user.name.as_str()),
            places: person.memberships.iter().map(WorkspaceLink::of).collect(),
            may_found: person.can_create(),
            back: person.last().map(WorkspaceLink::of),
            is_account,
            email: person.user.email.as_str().to_owned(),
            flash: None,
        }
    }
}

fn initial(name: &str) -> String {
    name.chars().find(|c| c.is_alphanumeric()).map_or_else(|| "#".to_owned(), |c| c.to_uppercase().collect())
}
