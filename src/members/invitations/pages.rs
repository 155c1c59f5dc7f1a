//! The page of a workspace's invitations: lists the open ones, creates and revokes. Only the response to a creation
//! contains the link.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use zeroize::Zeroizing;

use crate::accounts::one_time_links::OneTimeCode;
use crate::accounts::session::BrowserSession;
use crate::base::client_info::ClientInfo;
use crate::base::id::PublicId;
use crate::base::random;
use crate::base::text::DisplayName;
use crate::members::invitations::{InviteError, Inviter, OpenInvitation, invite, new_invitation, revoke, store};
use crate::tokens::model::IdempotencyKey;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::form::{Field, Form};
use crate::web::html;
use crate::web::time_view::TimeView;
use crate::workspaces::extract::{Administrator, CurrentMember};
use crate::workspaces::layout::{Section, WorkspaceLayout};
use crate::workspaces::profile::Role;

/// An open invitation in the list.
struct Row {
    uuid: String,
    role: &'static str,
    /// The note, or empty.
    note: String,
    host: String,
    made: TimeView,
    ends: TimeView,
}

impl Row {
    fn of(open: &OpenInvitation) -> Self {
        let role = open.link.role.as_ref().and_then(|role| role.parse::<Role>().ok());
        Self {
            uuid: open.link.uuid.to_string(),
            role: role.map_or("", Role::label),
            note: open.link.note.as_ref().map_or_else(String::new, |note| note.as_str().to_owned()),
            host: open.host.clone(),
            made: TimeView::new(open.link.created_at),
            ends: TimeView::new(open.link.expires_at),
        }
    }
}

/// A new link, shown once.
struct Reveal {
    url: Zeroizing<String>,
    role: &'static str,
}

#[derive(Template)]
#[template(path = "members/invitations.html")]
struct InvitationsPage {
    shell: WorkspaceLayout,
    path: String,
    members_path: String,
    rows: Vec<Row>,
    role: Field,
    note: Field,
    form_key: IdempotencyKey,
    reveal: Option<Reveal>,
    /// The form was sent before and its invitation exists.
    is_again: bool,
}

impl InvitationsPage {
    async fn of(app: &AppState, member: &CurrentMember) -> Result<Self, PageError> {
        let (workspace, now) = (member.workspace.clone(), app.clock.now());
        let open = app.db.read(move |conn| store::open(conn, workspace.key(), &workspace.uuid, now)).await?;
        Ok(Self {
            shell: WorkspaceLayout::new(member, Section::Members),
            members_path: Section::Members.path(&member.workspace.slug),
            path: invitations_path(member),
            rows: open.iter().map(Row::of).collect(),
            role: Field::new(Role::Editor.as_str()),
            note: Field::default(),
            form_key: IdempotencyKey::generate(&mut random::os_rng()),
            reveal: None,
            is_again: false,
        })
    }

    /// The roles to choose from, each with its description.
    const fn roles() -> [(Role, &'static str); 3] {
        [
            (Role::Administrator, "Changes settings and members, and has tokens."),
            (Role::Editor, "Works, and has tokens."),
            (Role::Agent, "Works, without tokens."),
        ]
    }
}

fn invitations_path(member: &CurrentMember) -> String {
    format!("{}/invitations", Section::Members.path(&member.workspace.slug))
}

/// `GET /w/{slug}/settings/members/invitations`
pub async fn list(
    app: web::Data<AppState>,
    Administrator(member): Administrator,
    session: BrowserSession,
) -> Result<HttpResponse, PageError> {
    let mut list = InvitationsPage::of(&app, &member).await?;
    list.shell.flash = session.take_flash();
    Ok(html::ok(&list))
}

/// `POST /w/{slug}/settings/members/invitations`: creates an invitation and responds with the page that shows its link.
pub async fn submit(
    app: web::Data<AppState>,
    Administrator(member): Administrator,
    client: ClientInfo,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let (role, parsed_role) = Field::read::<Role>(&form, "role");
    let (note, parsed_note) = Field::read_optional::<DisplayName>(&form, "note");
    let form_key = form.text("form_key").parse::<IdempotencyKey>();
    let typed = InvitationsPage { role, note, ..InvitationsPage::of(&app, &member).await? };
    let (Some(role), Some(note), Ok(form_key)) = (parsed_role, parsed_note, form_key.clone()) else {
        let form_error = form_key.err().map(|_| "This form was not complete. Check it and send it again.".to_owned());
        let note = Field { error: typed.note.error.clone().or(form_error), ..typed.note.clone() };
        return Ok(html::render(StatusCode::UNPROCESSABLE_ENTITY, &InvitationsPage { note, ..typed }));
    };

    let code = OneTimeCode::generate(&mut random::os_rng());
    let inviter =
        Inviter { user: member.user.clone(), workspace: member.workspace.clone(), client, at: app.clock.now() };
    let new = new_invitation(&code, &inviter, role, note, &form_key, &mut random::os_rng());
    match app.db.write(move |conn| invite(conn, &inviter, &new)).await {
        Ok(()) => {
            let url = Zeroizing::new(app.site.public_url.join(&format!("/invitations/{}", code.reveal())));
            let list = InvitationsPage::of(&app, &member).await?;
            let reveal = Some(Reveal { url, role: role.label() });
            Ok(html::render(StatusCode::CREATED, &InvitationsPage { reveal, ..list }))
        }
        Err(InviteError::AlreadyMade) => {
            let list = InvitationsPage::of(&app, &member).await?;
            Ok(html::render(StatusCode::CONFLICT, &InvitationsPage { is_again: true, ..list }))
        }
        // The role changed, or the membership ended, since the request began.
        Err(InviteError::NotAllowed) => Err(PageError::NotFound),
        Err(InviteError::Db(error)) => Err(error.into()),
    }
}

/// `GET …/invitations/{uuid}/revoke`: redirects to the list. Sign-in can redirect to this path.
pub async fn back(Administrator(member): Administrator) -> HttpResponse {
    html::redirect(&invitations_path(&member))
}

/// `POST …/invitations/{uuid}/revoke`
pub async fn submit_revoke(
    app: web::Data<AppState>,
    Administrator(member): Administrator,
    session: BrowserSession,
    path: web::Path<(String, String)>,
    client: ClientInfo,
    _: Form,
) -> Result<HttpResponse, PageError> {
    let uuid: PublicId = path.1.parse().map_err(|_| PageError::NotFound)?;
    let list = invitations_path(&member);
    let inviter = Inviter { user: member.user, workspace: member.workspace, client, at: app.clock.now() };
    match app.db.write(move |conn| revoke(conn, &inviter, &uuid)).await {
        Ok(true) => {
            session.flash("Invitation revoked. Its link does not work any more.")?;
            Ok(html::redirect(&list))
        }
        Ok(false) | Err(InviteError::NotAllowed | InviteError::AlreadyMade) => Err(PageError::NotFound),
        Err(InviteError::Db(error)) => Err(error.into()),
    }
}
