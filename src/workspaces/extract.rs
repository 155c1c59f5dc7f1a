//! Extractors for pages of workspaces. Each rejects a request whose user lacks the access that its type promises.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::{FromRequest, HttpRequest};

use crate::accounts::extract::SignedIn;
use crate::accounts::model::User;
use crate::db::ids::MembershipId;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::html::Message;
use crate::workspaces::create::can_create;
use crate::workspaces::model::{Membership, Workspace};
use crate::workspaces::profile::Role;
use crate::workspaces::store;

/// The signed-in user with their active memberships.
pub struct UserWithMemberships {
    /// The user.
    pub user: User,
    /// The active memberships, by the name of the workspace.
    pub memberships: Vec<Membership>,
}

impl UserWithMemberships {
    /// Returns whether the user can create a workspace.
    #[must_use]
    pub fn can_create(&self) -> bool {
        can_create(&self.memberships)
    }

    /// Returns the membership whose workspace the user opened last.
    #[must_use]
    pub fn last(&self) -> Option<&Membership> {
        self.memberships.iter().max_by_key(|membership| membership.last_opened_at)
    }
}

impl FromRequest for UserWithMemberships {
    type Error = PageError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, PageError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let person = SignedIn::from_request(request, payload);
        let app = AppState::from_request(request);
        Box::pin(async move {
            let SignedIn(user) = person.await?;
            let key = user.key;
            let memberships = app?.db.read(move |conn| store::list_memberships(conn, key)).await?;
            Ok(Self { user, memberships })
        })
    }
}

/// A signed-in user who can create a workspace.
pub struct WorkspaceCreator(pub UserWithMemberships);

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
        "Only administrators can make a workspace",
        "You are not an administrator of any workspace. Ask one to make it and to invite you, or the person who runs this server.",
    )
}

/// A signed-in member of the workspace in the URL, with their current role. The response to any other user is 404.
pub struct CurrentMember {
    /// The user.
    pub user: User,
    /// The user's current role.
    pub role: Role,
    /// The workspace in the URL.
    pub workspace: Workspace,
    pub(crate) membership: MembershipId,
    /// All active memberships of the user, including this one.
    pub memberships: Vec<Membership>,
}

impl FromRequest for CurrentMember {
    type Error = PageError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, PageError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let person = UserWithMemberships::from_request(request, payload);
        let slug = request.match_info().get("slug").unwrap_or_default().to_owned();
        let app = AppState::from_request(request);
        Box::pin(async move {
            let UserWithMemberships { user, memberships } = person.await?;
            let app = app?;
            let current = memberships
                .iter()
                .find(|membership| membership.workspace.slug.as_str() == slug)
                .cloned()
                .ok_or(PageError::NotFound)?;
            // Writes only on a switch from another workspace, so that most page views need no write.
            if memberships
                .iter()
                .any(|other| other.key != current.key && other.last_opened_at >= current.last_opened_at)
            {
                let now = app.clock.now();
                app.db.write(move |conn| store::touch_last_opened(conn, current.key, now)).await?;
            }
            Ok(Self { user, role: current.role, workspace: current.workspace, membership: current.key, memberships })
        })
    }
}

/// A signed-in administrator of the workspace in the URL. The response to any other member is 403.
pub struct Administrator(pub CurrentMember);

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
    let name = workspace.profile.name.as_str();
    let notice = if is_read {
        Message::new("Only administrators can see this", format!("Ask an administrator of {name}."))
    } else {
        let text = format!("Nothing was changed. Ask an administrator of {name}.");
        Message::new("Only administrators can change this", text)
    };
    notice.with_link(format!("/w/{}", workspace.slug), "Back to the workspace")
}
