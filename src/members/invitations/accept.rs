//! The page of an invitation link: a form for a new user, one button for a signed-in user.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::extract::SignedIn;
use crate::accounts::login;
use crate::accounts::model::{CredentialsGeneration, EmailAddress, NewUser, User};
use crate::accounts::one_time_links::{CodeDigest, OneTimeCode};
use crate::accounts::pages::login::LoginFormError;
use crate::accounts::password::NewPassword;
use crate::accounts::redirect_target::RedirectTarget;
use crate::accounts::services::AccountServices;
use crate::accounts::session::BrowserSession;
use crate::base::client_info::ClientInfo;
use crate::base::random;
use crate::base::text::DisplayName;
use crate::db::DbConnection;
use crate::members::invitations::{InvitationOffer, Invitee, JoinError, current_role, find, join};
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::form::{Field, Form};
use crate::web::html::{self, Message};
use crate::workspaces::layout::Section;
use crate::workspaces::model::Role;
use crate::workspaces::profile::WorkspaceKind;

/// The signed-in user on the page.
struct SignedInInvitee {
    uuid: String,
    email: String,
    /// The invitation is for another address.
    is_other_address: bool,
    /// The current role in the workspace, if the user is a member.
    current_role: Option<Role>,
}

#[derive(Template)]
#[template(path = "members/accept.html")]
struct AcceptPage {
    path: String,
    sign_in_path: String,
    workspace: String,
    workspace_path: String,
    kind: WorkspaceKind,
    role: Role,
    invitee: Option<SignedInInvitee>,
    /// The form belongs to another user or another page.
    is_other_user: bool,
    name: Field,
    email: Field,
    /// The invitation is for the address in `email` only.
    is_bound: bool,
    password: Field,
}

impl AcceptPage {
    fn new(code: &str, offer: &InvitationOffer, invitee: Option<SignedInInvitee>) -> Self {
        let path = format!("/invitations/{code}");
        Self {
            sign_in_path: RedirectTarget::login_url(&path),
            path,
            workspace: offer.workspace.profile.name.as_str().to_owned(),
            workspace_path: Section::Overview.path(&offer.workspace.slug),
            kind: offer.workspace.profile.kind,
            role: offer.role,
            invitee,
            is_other_user: false,
            name: Field::default(),
            email: offer.email.as_ref().map_or_else(Field::default, Field::new),
            is_bound: offer.email.is_some(),
            password: Field::default(),
        }
    }
}

fn invalid_link() -> PageError {
    PageError::Bad(
        StatusCode::NOT_FOUND,
        Message::new(
            "This invitation link doesn’t work",
            "An invitation link works once, for 7 days, and can be revoked. Ask the person who gave it to you for a new one. If you have already joined, sign in.",
        )
        .with_link("/login", "Go to sign-in"),
    )
}

fn join_error(error: JoinError) -> PageError {
    match error {
        JoinError::InvalidLink | JoinError::IsMember(_) | JoinError::OtherAddress | JoinError::EmailTaken => {
            invalid_link()
        }
        JoinError::Db(error) => error.into(),
    }
}

/// Returns the signed-in user, or `None` without a session.
fn optional_user(signed_in: Result<SignedIn, PageError>) -> Result<Option<User>, PageError> {
    match signed_in {
        Ok(SignedIn(user)) => Ok(Some(user)),
        Err(PageError::SeeOther(_)) => Ok(None),
        Err(other) => Err(other),
    }
}

fn digest(code: &str) -> Result<CodeDigest, PageError> {
    code.parse::<OneTimeCode>().map(|code| code.digest()).map_err(|_| invalid_link())
}

/// Loads the offer of a code, with the signed-in user's current role.
async fn load_offer(
    app: &AppState,
    code: &str,
    user: Option<User>,
) -> Result<(InvitationOffer, Option<SignedInInvitee>), PageError> {
    let (code, now) = (digest(code)?, app.clock.now());
    let read = move |conn: &mut DbConnection| {
        let offer = find(conn, &code, now)?;
        let invitee = match user {
            Some(user) => Some(SignedInInvitee {
                current_role: current_role(conn, &offer, &user)?,
                is_other_address: !offer.is_for(&user.email),
                uuid: user.uuid.to_string(),
                email: user.email.as_str().to_owned(),
            }),
            None => None,
        };
        Ok((offer, invitee))
    };
    app.db.read(read).await.map_err(join_error)
}

/// `GET /invitations/{code}`
pub(crate) async fn show(
    app: web::Data<AppState>,
    signed_in: Result<SignedIn, PageError>,
    code: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let (offer, invitee) = load_offer(&app, &code, optional_user(signed_in)?).await?;
    Ok(html::ok(&AcceptPage::new(&code, &offer, invitee)))
}

/// `POST /invitations/{code}`
pub(crate) async fn submit(
    app: web::Data<AppState>,
    accounts: web::Data<AccountServices>,
    signed_in: Result<SignedIn, PageError>,
    session: BrowserSession,
    code: web::Path<String>,
    client: ClientInfo,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let user = optional_user(signed_in)?;
    let (offer, invitee) = load_offer(&app, &code, user.clone()).await?;
    match user {
        Some(user) => {
            join_existing(&app, &session, &code, client, &form, user, AcceptPage::new(&code, &offer, invitee)).await
        }
        None => join_new(&app, &accounts, &session, &code, client, &form, &offer).await,
    }
}

fn conflict(page: &AcceptPage) -> HttpResponse {
    html::render(StatusCode::CONFLICT, page)
}

/// Accepts the invitation for the signed-in user.
async fn join_existing(
    app: &AppState,
    session: &BrowserSession,
    code: &str,
    client: ClientInfo,
    form: &Form,
    user: User,
    page: AcceptPage,
) -> Result<HttpResponse, PageError> {
    if page.invitee.as_ref().is_some_and(|invitee| invitee.current_role.is_some() || invitee.is_other_address) {
        return Ok(conflict(&page));
    }
    // Another user signed in after the page was opened: they must not join without having seen it.
    if form.text("join") != user.uuid.as_str() {
        return Ok(conflict(&AcceptPage { is_other_user: true, ..page }));
    }
    let (code, now) = (digest(code)?, app.clock.now());
    let invitee = Invitee::Existing(user);
    match app.db.write(move |conn| join(conn, &code, &invitee, &client, now)).await {
        Ok((_, offer)) => redirect_after_join(session, &offer),
        Err(JoinError::IsMember(role)) => {
            let invitee = page.invitee.map(|invitee| SignedInInvitee { current_role: Some(role), ..invitee });
            Ok(conflict(&AcceptPage { invitee, ..page }))
        }
        Err(JoinError::OtherAddress) => {
            let invitee = page.invitee.map(|invitee| SignedInInvitee { is_other_address: true, ..invitee });
            Ok(conflict(&AcceptPage { invitee, ..page }))
        }
        Err(error) => Err(join_error(error)),
    }
}

/// Accepts the invitation with a new account.
async fn join_new(
    app: &AppState,
    accounts: &AccountServices,
    session: &BrowserSession,
    code: &str,
    client: ClientInfo,
    form: &Form,
    offer: &InvitationOffer,
) -> Result<HttpResponse, PageError> {
    let page = AcceptPage::new(code, offer, None);
    let (name, parsed_name) = Field::read::<DisplayName>(form, "name");
    let (email, parsed_email) = match &offer.email {
        Some(email) => (Field::new(email), Some(email.clone())),
        None => Field::read::<EmailAddress>(form, "email"),
    };
    let names: Vec<&str> =
        parsed_name.iter().map(DisplayName::as_str).chain(std::iter::once(page.workspace.as_str())).collect();
    let (password, chosen) = NewPassword::read(form, "password", parsed_email.as_ref(), &names);
    let typed = AcceptPage { name, email, password, ..page };
    let (Some(parsed_name), Some(parsed_email), Some(chosen)) = (parsed_name, parsed_email, chosen) else {
        return Ok(html::render(StatusCode::UNPROCESSABLE_ENTITY, &typed));
    };
    // Fails before the write if the session store is unavailable: signing in would fail after it.
    session.user()?;
    let (hash, attempt) = match login::hash_new_password(app, accounts, chosen, &client).await {
        Ok(hashed) => hashed,
        Err(error) => {
            let error = LoginFormError::new(error, "")?;
            return Ok(error.render(&AcceptPage { password: error.field(), ..typed }));
        }
    };
    let (code, now) = (digest(code)?, app.clock.now());
    let invitee = Invitee::New(Box::new(NewUser::new(parsed_email, parsed_name, hash, now, &mut random::os_rng())));
    let event_client = client.clone();
    let result = app.db.write(move |conn| join(conn, &code, &invitee, &event_client, now)).await;
    if !matches!(result, Err(JoinError::EmailTaken)) {
        // The link is used or invalid now, so it can't cause another hash.
        login::forget_attempt(app, accounts, attempt).await;
    }
    match result {
        Ok((user, offer)) => {
            session.sign_in(&user, CredentialsGeneration::FIRST, &client)?;
            redirect_after_join(session, &offer)
        }
        Err(JoinError::EmailTaken) => {
            let email = typed.email.clone().with_error("An account with this address already exists. Sign in to join.");
            Ok(html::render(StatusCode::UNPROCESSABLE_ENTITY, &AcceptPage { email, ..typed }))
        }
        Err(error) => Err(join_error(error)),
    }
}

fn redirect_after_join(session: &BrowserSession, offer: &InvitationOffer) -> Result<HttpResponse, PageError> {
    session.flash(&format!("You have joined {}.", offer.workspace.profile.name.as_str()))?;
    Ok(html::redirect(&Section::Overview.path(&offer.workspace.slug)))
}
