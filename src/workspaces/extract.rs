//! The caller of a page that knows workspaces: [`Person`], and the [`Member`] of the one in the URL.

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

/// Somebody who is signed in, and the workspaces they belong to.
pub struct UserWithMemberships {
    /// Who.
    pub user: User,
    /// Every workspace that this person may switch to, by name.
    pub memberships: Vec<Membership>,
}

impl UserWithMemberships {
    /// May this person make another workspace? Whoever has the care of one may.
    #[must_use]
    pub fn can_create(&self) -> bool {
        can_create(&self.memberships)
    }

    /// The membership whose workspace this person was in last.
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

/// A person who may make another workspace.
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

/// Why somebody may not make a workspace, and what to do.
pub(crate) fn creation_forbidden() -> Message {
    Message::new(
        "Only administrators can make a workspace",
        "You are not an administrator of any workspace. Ask one to make it and to invite you, or the person who runs this server.",
    )
}

/// A signed-in member of the workspace in the URL, with the role they have now. To anybody else the workspace is
/// not there.
pub struct CurrentMember {
    /// Who.
    pub user: User,
    /// What they may do.
    pub role: Role,
    /// Where.
    pub workspace: Workspace,
    pub(crate) membership: MembershipId,
    /// Every workspace that this person may switch to, this one among them.
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
            let here = memberships
                .iter()
                .find(|membership| membership.workspace.slug.as_str() == slug)
                .cloned()
                .ok_or(PageError::NotFound)?;
            // Written only when somebody comes from another workspace, not at every page.
            if memberships.iter().any(|other| other.key != here.key && other.last_opened_at >= here.last_opened_at) {
                let now = app.clock.now();
                app.db.write(move |conn| store::touch_last_opened(conn, here.key, now)).await?;
            }
            Ok(Self { user, role: here.role, workspace: here.workspace, membership: here.key, memberships })
        })
    }
}

/// A signed-in member who may change the workspace.
pub struct Administrator(pub CurrentMember);

impl FromRequest for Administrator {
    type Error = PageError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, PageError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let only_looks = matches!(*request.method(), Method::GET | Method::HEAD);
        let member = CurrentMember::from_request(request, payload);
        Box::pin(async move {
            let member = member.await?;
            if member.role.is_admin() {
                return Ok(Self(member));
            }
            Err(PageError::Forbidden(admin_required(&member.workspace, only_looks)))
        })
    }
}

/// Why somebody may not see or change something of a workspace, and what to do.
pub(crate) fn admin_required(workspace: &Workspace, only_looks: bool) -> Message {
    let name = workspace.profile.name.as_str();
    let notice = if only_looks {
        Message::new("Only administrators can see this", format!("Ask an administrator of {name}."))
    } else {
        let text = format!("Nothing was changed. Ask an administrator of {name}.");
        Message::new("Only administrators can change this", text)
    };
    notice.with_link(format!("/w/{}", workspace.slug), "Back to the workspace")
}
