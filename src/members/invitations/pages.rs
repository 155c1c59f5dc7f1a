//! The page of a workspace's invitations: lists the open ones, creates and revokes. Only the response to a creation
//! contains the link.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use strum::{EnumString, IntoStaticStr, VariantArray as _};
use zeroize::Zeroizing;

use crate::accounts::kept_form::Prefill;
use crate::accounts::model::EmailAddress;
use crate::accounts::one_time_links::OneTimeCode;
use crate::accounts::session::BrowserSession;
use crate::base::client_info::ClientInfo;
use crate::base::id::PublicId;
use crate::base::random;
use crate::base::text::DisplayName;
use crate::db::DbError;
use crate::db::list_conditions::Count;
use crate::db::list_page::Direction;
use crate::members::invitations::store::InvitationSelection;
use crate::members::invitations::{
    InvitationTerms, InviteError, OpenInvitation, invite, new_invitation, revoke, store,
};
use crate::tokens::model::IdempotencyKey;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::form::{Field, Form};
use crate::web::html;
use crate::web::list::{ListOrder, ListQuery, ListState, ListView};
use crate::web::time_view::TimeView;
use crate::workspaces::email_authority::can_vouch;
use crate::workspaces::extract::{Administrator, CurrentMember};
use crate::workspaces::layout::{Section, WorkspaceLayout};
use crate::workspaces::model::Role;

/// An open invitation in the list.
struct InvitationView {
    uuid: String,
    role: &'static str,
    /// The only address that can accept it, or empty.
    email: String,
    /// The note, or empty.
    note: String,
    created_by: String,
    created: TimeView,
    expires: TimeView,
}

impl InvitationView {
    fn new(open: &OpenInvitation) -> Self {
        let role = open.link.role.as_ref().and_then(|role| role.parse::<Role>().ok());
        Self {
            uuid: open.link.uuid.to_string(),
            role: role.map_or("", Role::label),
            email: open.link.email.as_ref().map_or_else(String::new, ToString::to_string),
            note: open.link.note.as_ref().map_or_else(String::new, |note| note.as_str().to_owned()),
            created_by: open.inviter_email.clone(),
            created: TimeView::new(open.link.created_at),
            expires: TimeView::end(open.link.expires_at),
        }
    }
}

/// The order of the list: the newest first, or last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, EnumString, IntoStaticStr)]
#[strum(serialize_all = "kebab-case", const_into_str)]
enum InvitationOrder {
    #[default]
    Created,
}

impl ListOrder for InvitationOrder {
    fn as_str(self) -> &'static str {
        self.into_str()
    }

    fn direction(self) -> Direction {
        Direction::Descending
    }
}

/// A new link, shown once.
struct Reveal {
    url: Zeroizing<String>,
    role: &'static str,
    /// The only address that can accept it.
    email: Option<EmailAddress>,
}

#[derive(Template)]
#[template(path = "members/invitations.html")]
struct InvitationsPage {
    layout: WorkspaceLayout,
    path: String,
    members_path: String,
    list: ListView,
    invitations: Vec<InvitationView>,
    role: Field,
    email: Field,
    /// Whether the reader can vouch for the address.
    can_vouch: bool,
    note: Field,
    form_key: IdempotencyKey,
    reveal: Option<Reveal>,
    /// The form was resent and its invitation exists.
    is_duplicate: bool,
}

impl InvitationsPage {
    async fn load(app: &AppState, member: &CurrentMember, query: &ListQuery) -> Result<Self, PageError> {
        let path = invitations_path(member);
        let (_, direction) = query.order::<InvitationOrder>();
        let selection = InvitationSelection {
            workspace: member.workspace.key,
            uuid: member.workspace.uuid,
            words: query.words(),
            direction,
            cursor: query.cursor.clone(),
            now: app.clock.now(),
        };
        let user = member.user.clone();
        let read = move |conn: &mut _| Ok::<_, DbError>((store::open(conn, &selection)?, can_vouch(conn, &user)?));
        let ((page, rows), can_vouch) = app.db.read(read).await?;
        let state = ListState::<InvitationOrder>::new(&path, query, "");
        let heads = vec![
            ListState::<InvitationOrder>::plain_head("Invitation"),
            ListState::<InvitationOrder>::plain_head("For"),
            state.head("Created", InvitationOrder::Created),
            ListState::<InvitationOrder>::plain_head("Expires"),
        ];
        let list = state.view(&page, Count { rows, is_more: false }, Vec::new(), heads, store::sort_values);
        Ok(Self {
            layout: WorkspaceLayout::new(member, Section::Members),
            members_path: Section::Members.path(&member.workspace.slug),
            path,
            list,
            invitations: page.rows.iter().map(InvitationView::new).collect(),
            role: Field::new(&Role::Editor),
            email: Field::default(),
            can_vouch,
            note: Field::default(),
            form_key: IdempotencyKey::generate(&mut random::os_rng()),
            reveal: None,
            is_duplicate: false,
        })
    }

    fn email_hint(&self) -> &'static str {
        if self.can_vouch {
            "Only this address can join. It counts as verified: give the link only to the owner of the address."
        } else {
            "Only this address can join. Leave it empty to let the person choose."
        }
    }

    /// The roles to choose from.
    const fn roles() -> &'static [Role] {
        Role::VARIANTS
    }
}

fn invitations_path(member: &CurrentMember) -> String {
    format!("{}/invitations", Section::Members.path(&member.workspace.slug))
}

/// `GET /w/{slug}/settings/members/invitations`
pub(crate) async fn list(
    app: web::Data<AppState>,
    Administrator(member): Administrator,
    query: ListQuery,
    session: BrowserSession,
    prefill: Prefill,
) -> Result<HttpResponse, PageError> {
    let mut list = InvitationsPage::load(&app, &member, &query).await?;
    list.layout.flash = prefill.flash().or_else(|| session.take_flash());
    prefill.fill([("role", &mut list.role), ("email", &mut list.email), ("note", &mut list.note)]);
    Ok(html::ok(&list))
}

/// `POST /w/{slug}/settings/members/invitations`: creates an invitation and responds with the page that shows its link.
pub(crate) async fn submit(
    app: web::Data<AppState>,
    Administrator(member): Administrator,
    session: BrowserSession,
    client: ClientInfo,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let (role, parsed_role) = Field::read::<Role>(&form, "role");
    let (note, parsed_note) = Field::read_optional::<DisplayName>(&form, "note");
    let (email, parsed_email) = Field::read_optional::<EmailAddress>(&form, "email");
    let form_key = form.text("form_key").parse::<IdempotencyKey>();
    let typed =
        InvitationsPage { role, email, note, ..InvitationsPage::load(&app, &member, &ListQuery::default()).await? };
    let (Some(role), Some(email), Some(note), Ok(form_key)) =
        (parsed_role, parsed_email, parsed_note, form_key.clone())
    else {
        let form_error = form_key.err().map(|_| "This form was incomplete. Check it and submit it again.".to_owned());
        let note = Field { error: typed.note.error.clone().or(form_error), ..typed.note.clone() };
        return Ok(html::render(StatusCode::UNPROCESSABLE_ENTITY, &InvitationsPage { note, ..typed }));
    };

    let code = OneTimeCode::generate(&mut random::os_rng());
    let (workspace, actor) = (member.workspace.clone(), member.user.actor(client, app.clock.now()));
    let generation = session.current()?.generation;
    let terms = InvitationTerms { role, email: email.clone(), note };
    let new = new_invitation(&code, &workspace, &actor, terms, &form_key, &mut random::os_rng());
    match app.db.write(move |conn| invite(conn, &workspace, &actor, generation, &new)).await {
        Ok(()) => {
            let url = Zeroizing::new(app.site.public_url.join(&format!("/invitations/{}", code.reveal())));
            let list = InvitationsPage::load(&app, &member, &ListQuery::default()).await?;
            let reveal = Some(Reveal { url, role: role.label(), email });
            Ok(html::render(StatusCode::CREATED, &InvitationsPage { reveal, ..list }))
        }
        Err(InviteError::AlreadyCreated) => {
            let list = InvitationsPage::load(&app, &member, &ListQuery::default()).await?;
            Ok(html::render(StatusCode::CONFLICT, &InvitationsPage { is_duplicate: true, ..list }))
        }
        // The role changed, or the membership or the session ended, since the request began.
        Err(InviteError::NotAllowed) => Err(PageError::NotFound),
        Err(InviteError::Db(error)) => Err(error.into()),
    }
}

/// `GET …/invitations/{uuid}/revoke`: redirects to the list. Sign-in can redirect to this path.
pub(crate) async fn back(Administrator(member): Administrator) -> HttpResponse {
    html::redirect(&invitations_path(&member))
}

/// `POST …/invitations/{uuid}/revoke`
pub(crate) async fn submit_revoke(
    app: web::Data<AppState>,
    Administrator(member): Administrator,
    session: BrowserSession,
    path: web::Path<(String, String)>,
    client: ClientInfo,
    _: Form,
) -> Result<HttpResponse, PageError> {
    let uuid: PublicId = path.1.parse().map_err(|_| PageError::NotFound)?;
    let list = invitations_path(&member);
    let actor = member.user.actor(client, app.clock.now());
    match app.db.write(move |conn| revoke(conn, &member.workspace, &actor, &uuid)).await {
        Ok(true) => {
            session.flash("Invitation revoked. Its link no longer works.")?;
            Ok(html::redirect(&list))
        }
        Ok(false) | Err(InviteError::NotAllowed | InviteError::AlreadyCreated) => Err(PageError::NotFound),
        Err(InviteError::Db(error)) => Err(error.into()),
    }
}
