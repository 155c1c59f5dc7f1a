//! The data of the layout around every signed-in page: workspace, switcher, menu and user. The layout must not query
//! the database.

use crate::workspaces::create::can_create;
use crate::workspaces::extract::{CurrentMember, UserWithMemberships};
use crate::workspaces::model::{Membership, Slug, Workspace};
use crate::workspaces::profile::{Role, WorkspaceKind};

/// A section of a workspace, as listed in the menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// The overview page.
    Overview,
    /// Settings: the workspace's profile.
    General,
    /// Settings: the user's own tokens.
    Tokens,
    /// Settings: the members and all tokens of the workspace.
    Members,
    /// Settings: the audit events.
    Activity,
}

impl Section {
    /// Returns the section's path in the workspace with this slug.
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
    /// The workspace's name.
    pub name: String,
    /// The initial of the workspace's name.
    pub mark: String,
    /// Demo or production.
    pub kind: WorkspaceKind,
    /// The path of the current section in that workspace, or of its overview if the role has no access to the section.
    pub path: String,
    /// Whether this is the current workspace.
    pub is_current: bool,
}

impl WorkspaceLink {
    fn from_membership(to: &Membership) -> Self {
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

/// An item of the menu.
#[derive(Debug)]
pub struct NavItem {
    /// The visible label.
    pub label: &'static str,
    /// The target path.
    pub path: String,
    /// Whether this is the current section.
    pub is_current: bool,
}

/// The layout of a page of a workspace.
#[derive(Debug)]
pub struct WorkspaceLayout {
    /// The workspace's name.
    pub workspace: String,
    /// Demo or production.
    pub kind: WorkspaceKind,
    /// The initial of the workspace's name.
    pub mark: String,
    /// The workspaces in the switcher, including the current one.
    pub places: Vec<WorkspaceLink>,
    /// Whether the user can create a workspace.
    pub may_found: bool,
    /// The first item of the menu.
    pub overview: NavItem,
    /// The items under Settings.
    pub settings: Vec<NavItem>,
    /// The user's email address.
    pub email: String,
    /// A flash message of the previous request.
    pub flash: Option<String>,
}

impl WorkspaceLayout {
    /// Creates the layout of a page in `section` for `member`.
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
        let link = |to: &Membership| WorkspaceLink {
            path: if section.is_for(to.role) { section } else { Section::Overview }.path(&to.workspace.slug),
            is_current: to.key == member.membership,
            ..WorkspaceLink::from_membership(to)
        };
        Self {
            workspace: member.workspace.profile.name.as_str().to_owned(),
            kind: member.workspace.profile.kind,
            mark: initial(member.workspace.profile.name.as_str()),
            places: member.memberships.iter().map(link).collect(),
            may_found: can_create(&member.memberships),
            overview: item("Overview", Section::Overview),
            settings: settings.map(|(label, it)| item(label, it)).collect(),
            email: member.user.email.as_str().to_owned(),
            flash: None,
        }
    }

    /// Returns the layout with a flash message.
    #[must_use]
    pub fn with_flash(self, flash: Option<String>) -> Self {
        Self { flash, ..self }
    }
}

/// The layout of a page that belongs to a user and to no workspace. It uses no workspace's colour.
#[derive(Debug)]
pub struct AccountLayout {
    /// The user's name.
    pub name: String,
    /// The initial of the user's name.
    pub mark: String,
    /// The user's workspaces.
    pub places: Vec<WorkspaceLink>,
    /// Whether the user can create a workspace.
    pub may_found: bool,
    /// The link back to the workspace last used.
    pub back: Option<WorkspaceLink>,
    /// Whether this is the account page.
    pub is_account: bool,
    /// The user's email address.
    pub email: String,
    /// A flash message of the previous request.
    pub flash: Option<String>,
}

impl AccountLayout {
    /// Creates the layout of a page of the user's own.
    #[must_use]
    pub fn new(person: &UserWithMemberships, is_account: bool) -> Self {
        Self {
            name: person.user.name.as_str().to_owned(),
            mark: initial(person.user.name.as_str()),
            places: person.memberships.iter().map(WorkspaceLink::from_membership).collect(),
            may_found: person.can_create(),
            back: person.last().map(WorkspaceLink::from_membership),
            is_account,
            email: person.user.email.as_str().to_owned(),
            flash: None,
        }
    }
}

fn initial(name: &str) -> String {
    name.chars().find(|c| c.is_alphanumeric()).map_or_else(|| "#".to_owned(), |c| c.to_uppercase().collect())
}
