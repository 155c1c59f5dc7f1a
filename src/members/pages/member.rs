//! The page of one member: email address, role and tokens.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use strum::VariantArray as _;
use zeroize::Zeroizing;

use crate::accounts::kept_form::Prefill;
use crate::accounts::session::BrowserSession;
use crate::base::client_info::ClientInfo;
use crate::base::random;
use crate::members::change_role::change_role;
use crate::members::model::MemberError;
use crate::members::pages::list::{MemberAction, MemberDetails, MemberPath, MemberView, deleted, find};
use crate::tokens::model::IdempotencyKey;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::form::{Field, Form};
use crate::web::html;
use crate::workspaces::email_authority::EmailAuthority;
use crate::workspaces::extract::{Administrator, CurrentMember};
use crate::workspaces::layout::{Section, WorkspaceLayout};
use crate::workspaces::model::Role;
use crate::workspaces::reset_authority::is_enough;

#[derive(Template)]
#[template(path = "members/member.html")]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, one condition of the template each")]
struct MemberPage {
    layout: WorkspaceLayout,
    member: MemberView,
    is_last: bool,
    email: Field,
    email_authority: EmailAuthority,
    role: Field,
    /// The role change would delete tokens and needs confirmation.
    needs_confirmation: bool,
    /// The change was refused because the member is the only administrator.
    is_refused: bool,
    /// Whether the reader may create a password reset link.
    can_reset: bool,
    /// The idempotency key of the form that creates the link.
    form_key: IdempotencyKey,
    reset_link: ResetLinkState,
}

/// What the page says about a password reset link.
pub(crate) enum ResetLinkState {
    /// No link was created by this request.
    None,
    /// The new link, shown once.
    Created(Zeroizing<String>),
    /// The form was resent and its link exists.
    Duplicate,
}

impl MemberPage {
    fn new(reader: &CurrentMember, found: MemberDetails) -> Self {
        Self {
            layout: WorkspaceLayout::new(reader, Section::Members),
            email: Field::new(&found.member.user.email),
            can_reset: is_enough(found.email_authority, &found.member.user, found.view.is_you),
            form_key: IdempotencyKey::generate(&mut random::os_rng()),
            reset_link: ResetLinkState::None,
            email_authority: found.email_authority,
            role: Field::new(&found.member.role),
            member: found.view,
            is_last: found.is_last,
            needs_confirmation: false,
            is_refused: false,
        }
    }

    /// The roles to choose from, each with its description and whether it is selected.
    fn roles(&self) -> impl Iterator<Item = (Role, &'static str, bool)> {
        Role::VARIANTS.iter().map(|role| (*role, role.description(), self.role.text == role.as_str()))
    }

    /// The error of the box that confirms a role without tokens.
    fn confirm_error(&self) -> Option<&'static str> {
        self.needs_confirmation.then_some("Tick the box to change the role and delete these tokens.")
    }

    fn can_change_email(&self) -> bool {
        self.email_authority != EmailAuthority::None
    }

    fn can_verify_email(&self) -> bool {
        self.email_authority == EmailAuthority::Verify
    }

    /// The reason why the reader may not create a password reset link.
    fn reset_hint(&self) -> &'static str {
        if self.member.is_you {
            "You change your own password on your account page."
        } else if !self.member.is_active {
            "The account is deactivated. Only the server administrator can activate it."
        } else if self.can_change_email() {
            "The address is verified, so it counts on the whole server. Only an administrator of every workspace on this server or the server administrator can create the link."
        } else {
            "This person is also in a workspace where you are not an administrator. Only an administrator of all their workspaces or the server administrator can create the link."
        }
    }

    fn email_hint(&self) -> &'static str {
        if self.can_verify_email() {
            "APIs behind a gateway get verified addresses. Save an address only if you know that it belongs to this person."
        } else {
            "A new address isn’t verified, because you are not an administrator of every workspace on this server."
        }
    }
}

/// `GET /w/{slug}/settings/members/{member}`
pub(crate) async fn show(
    app: web::Data<AppState>,
    Administrator(reader): Administrator,
    path: MemberPath,
    session: BrowserSession,
    prefill: Prefill,
) -> Result<HttpResponse, PageError> {
    let found = find(&app, &reader, &path).await?;
    let mut page = MemberPage::new(&reader, found);
    page.layout.flash = prefill.flash().or_else(|| session.take_flash());
    prefill.fill([("role", &mut page.role), ("email", &mut page.email)]);
    Ok(html::ok(&page))
}

/// `POST /w/{slug}/settings/members/{member}`
pub(crate) async fn submit(
    app: web::Data<AppState>,
    Administrator(reader): Administrator,
    path: MemberPath,
    session: BrowserSession,
    client: ClientInfo,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let found = find(&app, &reader, &path).await?;
    let (field, role) = Field::read::<Role>(&form, "role");
    let loses_tokens = role.is_some_and(|role| !role.can_have_tokens()) && !found.view.tokens.is_empty();
    let needs_confirmation = loses_tokens && !found.is_last && form.text("confirm_role") != field.text;
    let Some(role) = role.filter(|_| !needs_confirmation) else {
        let page = MemberPage { role: field, needs_confirmation, ..MemberPage::new(&reader, found) };
        return Ok(html::render(StatusCode::UNPROCESSABLE_ENTITY, &page));
    };

    let action = MemberAction::new(&app, &reader, &path, client)?;
    let write = move |conn: &mut _| change_role(conn, &action.workspace, &action.uuid, role, &action.actor);
    let change = match app.db.write(write).await {
        Err(MemberError::LastAdministrator) => return refuse(&app, &reader, &path).await,
        result => result?,
    };
    session.flash(&format!(
        "{} is now an {}.{}",
        change.user.name.as_str(),
        role.label(),
        deleted(change.stopped_tokens)
    ))?;
    // A user who demoted themselves has no access to the members page.
    let section = if found.view.is_you && !role.is_admin() { Section::Overview } else { Section::Members };
    Ok(html::redirect(&section.path(&reader.workspace.slug)))
}

/// Renders the member's page with the error that the member is the only administrator. The status is 409.
pub(crate) async fn refuse(
    app: &AppState,
    reader: &CurrentMember,
    path: &MemberPath,
) -> Result<HttpResponse, PageError> {
    let found = find(app, reader, path).await?;
    let page = MemberPage { is_refused: true, ..MemberPage::new(reader, found) };
    Ok(html::render(StatusCode::CONFLICT, &page))
}

/// Renders the member's page with an error in the email address. The status is 422.
pub(crate) async fn refuse_email(
    app: &AppState,
    reader: &CurrentMember,
    path: &MemberPath,
    email: Field,
) -> Result<HttpResponse, PageError> {
    let found = find(app, reader, path).await?;
    let page = MemberPage { email, ..MemberPage::new(reader, found) };
    Ok(html::render(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

/// Renders the member's page after the form that creates a password reset link.
pub(crate) async fn render_reset_link(
    app: &AppState,
    reader: &CurrentMember,
    path: &MemberPath,
    status: StatusCode,
    reset_link: ResetLinkState,
) -> Result<HttpResponse, PageError> {
    let found = find(app, reader, path).await?;
    Ok(html::render(status, &MemberPage { reset_link, ..MemberPage::new(reader, found) }))
}
