//! The data of the layout around every signed-in page: workspace, switcher, menu and user. The layout must not query
//! the database.

use crate::accounts::session::Flash;
use crate::base::local_time::TimeFormat;
use crate::base::natural_order::sort_key;
use crate::workspaces::create::can_create;
use crate::workspaces::extract::{CurrentMember, UserWithMemberships};
use crate::workspaces::model::{Membership, Role, Slug, Workspace};
use crate::workspaces::profile::WorkspaceKind;

/// A section of a workspace, as listed in the menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
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
    pub(crate) fn path(self, slug: &Slug) -> String {
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
pub(crate) struct WorkspaceLink {
    pub name: String,
    /// The initial of the workspace's name.
    pub initial: String,
    /// Demo or production.
    pub kind: WorkspaceKind,
    /// The path of the current section in that workspace, or of its overview if the role has no access to the section.
    pub path: String,
    pub is_current: bool,
}

impl WorkspaceLink {
    pub(crate) fn from_membership(to: &Membership) -> Self {
        let Workspace { slug, profile, .. } = &to.workspace;
        Self {
            name: profile.name.as_str().to_owned(),
            initial: initial(profile.name.as_str()),
            kind: profile.kind,
            path: Section::Overview.path(slug),
            is_current: false,
        }
    }
}

/// The most workspaces in a switcher: a page must not grow with the number of workspaces of its reader.
const SWITCHER_MAX: usize = 10;

/// The number of workspaces from which the switcher can be filtered.
const FILTER_FROM: usize = 8;

/// The switcher: some of the user's workspaces, and links to the others.
#[derive(Debug)]
pub(crate) struct Switcher {
    /// The current workspace, then others in the natural order of their names.
    pub links: Vec<WorkspaceLink>,
    /// The number of all workspaces of the user.
    pub total: usize,
    /// Whether the user can create a workspace.
    pub can_create: bool,
}

impl Switcher {
    fn new(memberships: &[Membership], link: impl Fn(&Membership) -> WorkspaceLink) -> Self {
        let mut links: Vec<WorkspaceLink> = memberships.iter().map(link).collect();
        links.sort_by_cached_key(|link| (!link.is_current, sort_key(&link.name)));
        links.truncate(SWITCHER_MAX);
        Self { links, total: memberships.len(), can_create: can_create(memberships) }
    }

    /// Returns whether the switcher has a field for a part of a name.
    pub(crate) fn has_filter(&self) -> bool {
        self.total >= FILTER_FROM
    }

    /// Returns whether the page of all workspaces has more than the switcher.
    pub(crate) fn has_more(&self) -> bool {
        self.total > self.links.len()
    }
}

/// An item of the menu.
#[derive(Debug)]
pub(crate) struct NavItem {
    /// The visible label.
    pub label: &'static str,
    /// The target path.
    pub path: String,
    /// Whether this is the current section.
    pub is_current: bool,
    /// Whether something behind the item needs attention.
    pub needs_attention: bool,
}

/// The layout of a page of a workspace.
#[derive(Debug)]
pub(crate) struct WorkspaceLayout {
    /// The workspace's name.
    pub workspace: String,
    /// Demo or production.
    pub kind: WorkspaceKind,
    /// The initial of the workspace's name.
    pub initial: String,
    pub switcher: Switcher,
    /// The first item of the menu.
    pub overview: NavItem,
    /// The target of the gear: the first page of the settings.
    pub settings_path: String,
    /// The items under Settings.
    pub settings: Vec<NavItem>,
    /// The path of the member's own tokens.
    pub tokens_path: String,
    /// The path of the members.
    pub members_path: String,
    /// The user's email address.
    pub email: String,
    /// The user's UUID, for forms whose input is kept if the session ends.
    pub reader: String,
    /// How times are written, with the zone that the user prefers.
    pub times: TimeFormat,
    /// Whether the script should store the browser's time zone.
    pub uses_browser_zone: bool,
    /// The workspace's time, in which a day that a form names ends: `Kigali time`.
    pub workspace_zone: String,
    /// The current day of the workspace, for a date field.
    pub today: String,
    /// A flash message of the previous request.
    pub flash: Option<Flash>,
}

impl WorkspaceLayout {
    /// Creates the layout of a page in `section` for `member`.
    #[must_use]
    pub(crate) fn new(member: &CurrentMember, section: Section) -> Self {
        Self::of_section(member, Some(section))
    }

    /// Creates the layout of a page in no section for `member`.
    #[must_use]
    pub(crate) fn without_section(member: &CurrentMember) -> Self {
        Self::of_section(member, None)
    }

    fn of_section(member: &CurrentMember, section: Option<Section>) -> Self {
        let (slug, workspace_times) = (&member.workspace.slug, member.workspace_times());
        let item = |label, it: Section| NavItem {
            label,
            path: it.path(slug),
            is_current: section == Some(it),
            needs_attention: it == Section::Tokens && member.needs_attention,
        };
        let settings = [
            ("General", Section::General),
            ("API Token", Section::Tokens),
            ("Members", Section::Members),
            ("Activity", Section::Activity),
        ];
        let settings = settings.into_iter().filter(|(_, it)| it.is_for(member.role));
        let link = |to: &Membership| WorkspaceLink {
            path: section.filter(|it| it.is_for(to.role)).unwrap_or(Section::Overview).path(&to.workspace.slug),
            is_current: to.key == member.membership,
            ..WorkspaceLink::from_membership(to)
        };
        Self {
            workspace: member.workspace.profile.name.as_str().to_owned(),
            kind: member.workspace.profile.kind,
            initial: initial(member.workspace.profile.name.as_str()),
            switcher: Switcher::new(&member.memberships, link),
            overview: item("Overview", Section::Overview),
            settings_path: Section::General.path(slug),
            settings: settings.map(|(label, it)| item(label, it)).collect(),
            tokens_path: Section::Tokens.path(slug),
            members_path: Section::Members.path(slug),
            email: member.user.email.as_str().to_owned(),
            reader: member.user.uuid.to_string(),
            times: member.times.clone(),
            uses_browser_zone: member.user.prefers_browser_zone,
            workspace_zone: workspace_times.zone().to_owned(),
            today: workspace_times.today(),
            flash: None,
        }
    }

    /// Returns the layout with a flash message.
    #[must_use]
    pub(crate) fn with_flash(self, flash: Option<Flash>) -> Self {
        Self { flash, ..self }
    }
}

/// The layout of a page that belongs to a user and to no workspace. It uses no workspace's colour.
#[derive(Debug)]
pub(crate) struct AccountLayout {
    /// The user's name.
    pub name: String,
    /// The initial of the user's name.
    pub initial: String,
    pub switcher: Switcher,
    /// The link back to the workspace last used.
    pub back: Option<WorkspaceLink>,
    /// Whether this is the account page.
    pub is_account: bool,
    /// The user's email address.
    pub email: String,
    /// The user's UUID, for forms whose input is kept if the session ends.
    pub reader: String,
    /// How times are written, with the zone that the user prefers.
    pub times: TimeFormat,
    /// Whether the script should store the browser's time zone.
    pub uses_browser_zone: bool,
    /// A flash message of the previous request.
    pub flash: Option<Flash>,
}

impl AccountLayout {
    /// Creates the layout of a page of the user's own.
    #[must_use]
    pub(crate) fn new(person: &UserWithMemberships, is_account: bool) -> Self {
        Self {
            name: person.user.name.as_str().to_owned(),
            initial: initial(person.user.name.as_str()),
            switcher: Switcher::new(&person.memberships, WorkspaceLink::from_membership),
            back: person.last().map(WorkspaceLink::from_membership),
            is_account,
            email: person.user.email.as_str().to_owned(),
            reader: person.user.uuid.to_string(),
            times: person.times.clone(),
            uses_browser_zone: person.user.prefers_browser_zone,
            flash: None,
        }
    }
}

fn initial(name: &str) -> String {
    name.chars().find(|c| c.is_alphanumeric()).map_or_else(|| "#".to_owned(), |c| c.to_uppercase().collect())
}
