//! Extractors for pages of workspaces. Each rejects a request whose user lacks the access that its type promises.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::{FromRequest, HttpRequest};

use crate::accounts::extract::SignedIn;
use crate::accounts::model::User;
use crate::base::clock::Timestamp;
use crate::base::local_time::{DateStyle, TimeFormat};
use crate::db::ids::MembershipId;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::html::Message;
use crate::workspaces::create::can_create;
use crate::workspaces::menu_mark::MenuMark;
use crate::workspaces::model::{Membership, Role, Workspace};
use crate::workspaces::profile::Timezone;
use crate::workspaces::store;

/// The signed-in user with their active memberships.
pub(crate) struct UserWithMemberships {
    pub user: User,
    /// The active memberships, by the name of the workspace.
    pub memberships: Vec<Membership>,
    /// How times are written on the user's own pages: as in the workspace that they opened last, or in the browser's zone.
    pub times: TimeFormat,
}

impl UserWithMemberships {
    /// Returns whether the user can create a workspace.
    #[must_use]
    pub(crate) fn can_create(&self) -> bool {
        can_create(&self.memberships)
    }

    /// Returns the user as a member of the workspace that they opened last.
    pub(crate) fn into_last_member(self) -> Result<CurrentMember, Box<Self>> {
        match self.last().cloned() {
            Some(last) => {
                let times = self.times.clone();
                Ok(CurrentMember::new(self, last, times))
            }
            None => Err(Box::new(self)),
        }
    }

    /// Returns the membership whose workspace the user opened last.
    #[must_use]
    pub(crate) fn last(&self) -> Option<&Membership> {
        last_opened(&self.memberships)
    }
}

impl FromRequest for UserWithMemberships {
    type Error = PageError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, PageError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let person = SignedIn::from_request(request, payload);
        let app = AppState::from_request(request);
        let browser_zone = browser_zone(request);
        Box::pin(async move {
            let (SignedIn(user), app) = (person.await?, app?);
            let key = user.key;
            let memberships = app.db.read(move |conn| store::list_memberships(conn, key)).await?;
            let workspace = last_opened(&memberships).map(|membership| &membership.workspace);
            let times = time_format(&user, browser_zone.as_ref(), workspace, app.clock.now());
            Ok(Self { user, memberships, times })
        })
    }
}

/// A signed-in user who can create a workspace.
pub(crate) struct WorkspaceCreator(pub UserWithMemberships);

impl FromRequest for WorkspaceCreator {
    type Error = PageError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, PageError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let person = UserWithMemberships::from_request(request, payload);
        Box::pin(async move {
            let person = person.await?;
            if person.can_create() { Ok(Self(person)) } else { Err(PageError::Forbidden(creation_forbidden())) }
        })
    }
}

/// The message for a user who cannot create a workspace.
pub(crate) fn creation_forbidden() -> Message {
    Message::new(
        "Only administrators can create a workspace",
        "You are not an administrator of any workspace. Ask an administrator or the server administrator to create the workspace and invite you.",
    )
}

/// A signed-in member of the workspace in the URL, with their current role. The response to any other user is 404.
pub struct CurrentMember {
    pub user: User,
    /// The user's current role.
    pub role: Role,
    /// The workspace in the URL.
    pub workspace: Workspace,
    pub(crate) membership: MembershipId,
    /// Whether the user hid the checklist for a new workspace.
    pub(crate) is_checklist_hidden: bool,
    /// All active memberships of the user, including this one.
    pub memberships: Vec<Membership>,
    /// How times are written for the user: in the workspace's zone, or in the browser's.
    pub times: TimeFormat,
    /// Whether one of their tokens needs attention.
    pub needs_attention: bool,
}

impl CurrentMember {
    /// Returns how times are written in the workspace's zone, which decides when a day ends.
    #[must_use]
    pub fn workspace_times(&self) -> TimeFormat {
        self.workspace.profile.time_format(self.times.now())
    }

    fn new(person: UserWithMemberships, current: Membership, times: TimeFormat) -> Self {
        let UserWithMemberships { user, memberships, .. } = person;
        let Membership { key: membership, role, workspace, is_checklist_hidden, .. } = current;
        Self { user, role, workspace, membership, is_checklist_hidden, memberships, times, needs_attention: false }
    }
}

impl FromRequest for CurrentMember {
    type Error = PageError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, PageError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let person = UserWithMemberships::from_request(request, payload);
        let slug = request.match_info().get("slug").unwrap_or_default().to_owned();
        let app = AppState::from_request(request);
        let browser_zone = browser_zone(request);
        let mark = MenuMark::of_server(request);
        Box::pin(async move {
            let person = person.await?;
            let app = app?;
            let current = person
                .memberships
                .iter()
                .find(|membership| membership.workspace.slug.as_str() == slug)
                .cloned()
                .ok_or(PageError::NotFound)?;
            // Writes only on a switch from another workspace, so that most page views need no write.
            if person
                .memberships
                .iter()
                .any(|other| other.key != current.key && other.last_opened_at >= current.last_opened_at)
            {
                let now = app.clock.now();
                let key = current.key;
                app.db.write(move |conn| store::touch_last_opened(conn, key, now)).await?;
            }
            let times = time_format(&person.user, browser_zone.as_ref(), Some(&current.workspace), person.times.now());
            let needs_attention = match mark {
                Some(mark) => mark.is_shown(&app.db, current.key, current.role, times.now()).await?,
                None => false,
            };
            Ok(Self { needs_attention, ..Self::new(person, current, times) })
        })
    }
}

/// A signed-in administrator of the workspace in the URL. The response to any other member is 403.
pub(crate) struct Administrator(pub CurrentMember);

impl FromRequest for Administrator {
    type Error = PageError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, PageError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        let member = CurrentMember::from_request(request, payload);
        Box::pin(async move {
            let member = member.await?;
            if member.role.is_admin() {
                return Ok(Self(member));
            }
            Err(PageError::Forbidden(admin_required(&member.workspace, is_read)))
        })
    }
}

/// The message for a member who is not an administrator.
pub(crate) fn admin_required(workspace: &Workspace, is_read: bool) -> Message {
    let notice = if is_read {
        Message::new("Only administrators can see this page", "Ask an administrator of {name} for help.")
    } else {
        let text = "Nothing was changed. Ask an administrator of {name} to make the change.";
        Message::new("Only administrators can change this", text)
    };
    notice
        .with_name(workspace.profile.name.as_str())
        .with_link(format!("/w/{}", workspace.slug), "Back to the workspace")
}

/// Name of the cookie in which the script stores the browser's time zone. It decides how times are written, nothing else.
const TIME_ZONE_COOKIE: &str = "time_zone";

fn browser_zone(request: &HttpRequest) -> Option<Timezone> {
    request.cookie(TIME_ZONE_COOKIE)?.value().parse().ok()
}

fn last_opened(memberships: &[Membership]) -> Option<&Membership> {
    memberships.iter().max_by_key(|membership| membership.last_opened_at)
}

/// Returns how times are written for a user. The style is the workspace's; the zone too, unless the user prefers the
/// browser's and the browser sent it.
fn time_format(
    user: &User,
    browser_zone: Option<&Timezone>,
    workspace: Option<&Workspace>,
    now: Timestamp,
) -> TimeFormat {
    let style = workspace.map_or(DateStyle::DayFirst, |workspace| workspace.profile.date_style);
    match (browser_zone.filter(|_| user.prefers_browser_zone), workspace) {
        (Some(zone), _) => TimeFormat::new(zone.as_str(), style, now),
        (None, Some(workspace)) => workspace.profile.time_format(now),
        (None, None) => TimeFormat::utc(now),
    }
}
