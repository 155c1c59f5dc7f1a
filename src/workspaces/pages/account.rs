//! The user's own account: name, email address, password and sessions. It belongs to the workspaces module because the
//! page links to workspaces, which the accounts module must not import.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::extract::SignedIn;
use crate::accounts::kept_form::Prefill;
use crate::accounts::login::{LoginError, forget_attempt, hash_new_password, verify_current_password};
use crate::accounts::model::EmailAddress;
use crate::accounts::pages::login::{self, LoginFormError};
use crate::accounts::profile::{self, ChangeError};
use crate::accounts::redirect_target::RedirectTarget;
use crate::accounts::revoke_access::RevokedAccess;
use crate::accounts::services::AccountServices;
use crate::accounts::session::BrowserSession;
use crate::accounts::session_store::{self, SessionRecord};
use crate::accounts::user_agent::browser_name;
use crate::accounts::{model::PasswordHash, password::NewPassword};
use crate::base::client_info::ClientInfo;
use crate::base::id::PublicId;
use crate::base::text::DisplayName;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::form::{Field, Form};
use crate::web::html::{self, Message};
use crate::web::time_view::TimeView;
use crate::workspaces::change_own_email::{ChangeOwnEmailError, change_own_email};
use crate::workspaces::email_authority::EmailAuthority;
use crate::workspaces::extract::UserWithMemberships;
use crate::workspaces::layout::{AccountLayout, Section};
use crate::workspaces::model::names_of;

const PATH: &str = "/account";

/// A session in the list.
struct SessionView {
    uuid: String,
    /// The browser and the operating system.
    browser: String,
    /// The address of the sign-in, as ` from 203.0.113.7`, or empty.
    source: String,
    last_seen: TimeView,
    created: TimeView,
    is_current: bool,
}

impl SessionView {
    fn new(record: &SessionRecord, current: Option<&PublicId>) -> Self {
        Self {
            uuid: record.uuid.to_string(),
            browser: record.agent.as_deref().map_or_else(|| "Unknown browser".to_owned(), browser_name),
            source: record.ip.as_ref().map_or_else(String::new, |ip| format!(" from {ip}")),
            last_seen: TimeView::hour(record.last_seen_at),
            created: TimeView::day(record.created_at),
            is_current: current == Some(&record.uuid),
        }
    }
}

/// A link to the user's tokens in a workspace where the role allows tokens.
struct TokensLink {
    workspace: String,
    path: String,
}

#[derive(Template)]
#[template(path = "workspaces/account.html")]
struct AccountPage {
    layout: AccountLayout,
    name: Field,
    email: Field,
    /// The current email address.
    current_email: String,
    is_email_verified: bool,
    can_change_email: bool,
    /// The current password in the email form.
    password: Field,
    /// The current password in the password form.
    current_password: Field,
    new_password: Field,
    tokens: Vec<TokensLink>,
    sessions: Vec<SessionView>,
}

impl AccountPage {
    async fn load(app: &AppState, account: &UserWithMemberships, session: &BrowserSession) -> Result<Self, PageError> {
        let (user, now, current) = (account.user.key, app.clock.now(), session.id());
        let sessions = app.db.read(move |conn| session_store::list_by_user(conn, user, now)).await?;
        let with_tokens = account.memberships.iter().filter(|membership| membership.role.can_have_tokens());
        Ok(Self {
            layout: AccountLayout::new(account, true),
            name: Field::new(&account.user.name),
            email: Field::new(&account.user.email),
            current_email: account.user.email.to_string(),
            is_email_verified: account.user.verified_email().is_some(),
            can_change_email: EmailAuthority::can_change_own(&account.memberships),
            password: Field::default(),
            current_password: Field::default(),
            new_password: Field::default(),
            tokens: with_tokens
                .map(|membership| TokensLink {
                    workspace: membership.workspace.profile.name.as_str().to_owned(),
                    path: Section::Tokens.path(&membership.workspace.slug),
                })
                .collect(),
            sessions: sessions.iter().map(|record| SessionView::new(record, current.as_ref())).collect(),
        })
    }

    /// Returns whether the page lists each token page. With many workspaces it describes the path instead.
    fn names_token_pages(&self) -> bool {
        self.tokens.len() <= 5
    }

    fn has_other_sessions(&self) -> bool {
        self.sessions.iter().any(|session| !session.is_current)
    }
}

fn render_invalid(page: &AccountPage) -> HttpResponse {
    html::render(StatusCode::UNPROCESSABLE_ENTITY, page)
}

/// `GET /account`
pub(crate) async fn show(
    app: web::Data<AppState>,
    account: UserWithMemberships,
    session: BrowserSession,
    prefill: Prefill,
) -> Result<HttpResponse, PageError> {
    let mut page = AccountPage::load(&app, &account, &session).await?;
    page.layout.flash = prefill.flash().or_else(|| session.take_flash());
    prefill.fill([("name", &mut page.name), ("email", &mut page.email)]);
    Ok(html::ok(&page))
}

/// `GET` of a path that only accepts `POST`: redirects to the form. Sign-in can redirect to such a path.
pub(crate) async fn back(_: SignedIn) -> HttpResponse {
    html::redirect(PATH)
}

/// `POST /account/name`
pub(crate) async fn rename(
    app: web::Data<AppState>,
    account: UserWithMemberships,
    session: BrowserSession,
    client: ClientInfo,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let (name, parsed_name) = Field::read::<DisplayName>(&form, "name");
    let Some(parsed_name) = parsed_name else {
        return Ok(render_invalid(&AccountPage { name, ..AccountPage::load(&app, &account, &session).await? }));
    };
    let actor = account.user.actor(client, app.clock.now());
    app.db.write(move |conn| profile::rename(conn, &account.user, &actor, &parsed_name)).await?;
    session.flash("Name saved.")?;
    Ok(html::redirect(PATH))
}

/// Verifies the password typed into a field. The inner error is the message for the form.
async fn verify_password(
    app: &AppState,
    accounts: &AccountServices,
    account: &UserWithMemberships,
    typed: &str,
    client: &ClientInfo,
) -> Result<Result<PasswordHash, LoginFormError>, PageError> {
    if typed.is_empty() {
        // An empty password is no guess, so it does not count as a failed attempt.
        return Ok(Err(LoginFormError::new(LoginError::InvalidCredentials, "Enter your current password.")?));
    }
    match verify_current_password(app, accounts, &account.user, typed, client).await {
        Ok(hash) => Ok(Ok(hash)),
        Err(error) => Ok(Err(LoginFormError::new(error, WRONG_PASSWORD)?)),
    }
}

const WRONG_PASSWORD: &str = "This is not your current password.";

/// The field of a password that changed between its check and the transaction.
fn stale_password_field() -> Field {
    Field::default().with_error(WRONG_PASSWORD)
}

/// The response to a user who may not change their own email address.
fn email_change_forbidden() -> PageError {
    PageError::Forbidden(
        Message::new(
            "You can’t change this address yourself",
            "Nothing was changed. Ask an administrator of all your workspaces or the server administrator to change it.",
        )
        .with_link(PATH, "Back to your account"),
    )
}

/// `POST /account/email`
pub(crate) async fn change_email(
    app: web::Data<AppState>,
    accounts: web::Data<AccountServices>,
    account: UserWithMemberships,
    session: BrowserSession,
    client: ClientInfo,
    form: Form,
) -> Result<HttpResponse, PageError> {
    if !EmailAuthority::can_change_own(&account.memberships) {
        return Err(email_change_forbidden());
    }
    let (email, parsed_email) = Field::read::<EmailAddress>(&form, "email");
    let page = AccountPage { email: email.clone(), ..AccountPage::load(&app, &account, &session).await? };
    let Some(parsed_email) = parsed_email else { return Ok(render_invalid(&page)) };
    let hash = match verify_password(&app, &accounts, &account, form.text("password"), &client).await? {
        Ok(hash) => hash,
        Err(form_error) => return Ok(form_error.render(&AccountPage { password: form_error.field(), ..page })),
    };
    let message = format!("Email address changed. Sign in as {parsed_email} from now on.");
    let actor = account.user.actor(client, app.clock.now());
    match app.db.write(move |conn| change_own_email(conn, &account.user, &actor, &hash, &parsed_email)).await {
        Ok(()) => {
            session.flash(&message)?;
            Ok(html::redirect(PATH))
        }
        Err(ChangeOwnEmailError::NotAllowed) => Err(email_change_forbidden()),
        Err(ChangeOwnEmailError::Account(ChangeError::EmailTaken)) => Ok(render_invalid(&AccountPage {
            email: email.with_error("Another user already has this address."),
            ..page
        })),
        Err(ChangeOwnEmailError::Account(ChangeError::Stale)) => {
            Ok(render_invalid(&AccountPage { password: stale_password_field(), ..page }))
        }
        Err(ChangeOwnEmailError::Account(ChangeError::Db(error)) | ChangeOwnEmailError::Db(error)) => Err(error.into()),
    }
}

/// `POST /account/password`
pub(crate) async fn change_password(
    app: web::Data<AppState>,
    accounts: web::Data<AccountServices>,
    account: UserWithMemberships,
    session: BrowserSession,
    client: ClientInfo,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let (new_password, chosen) = NewPassword::read(
        &form,
        "new_password",
        Some(&account.user.email),
        &names_of(&account.user, &account.memberships),
    );
    let page = AccountPage { new_password, ..AccountPage::load(&app, &account, &session).await? };
    let Some(chosen) = chosen else { return Ok(render_invalid(&page)) };
    let hash = match verify_password(&app, &accounts, &account, form.text("present_password"), &client).await? {
        Ok(hash) => hash,
        Err(form_error) => return Ok(form_error.render(&AccountPage { current_password: form_error.field(), ..page })),
    };
    let new = match hash_new_password(&app, &accounts, chosen, &client).await {
        Ok((new, attempt)) => {
            forget_attempt(&app, &accounts, attempt).await;
            new
        }
        Err(error) => {
            let form_error = LoginFormError::new(error, "")?;
            return Ok(form_error.render(&AccountPage { current_password: form_error.field(), ..page }));
        }
    };
    let current = session.current()?;
    let actor = account.user.actor(client, app.clock.now());
    match app.db.write(move |conn| profile::change_password(conn, &account.user, &actor, &hash, &new, &current)).await {
        Ok(revoked) => {
            session.renew(revoked.generation)?;
            session.flash(&format!("Password changed.{} Your tokens keep working.", ended_access(&revoked)))?;
            Ok(html::redirect(PATH))
        }
        Err(ChangeError::Stale) => {
            Ok(render_invalid(&AccountPage { current_password: stale_password_field(), ..page }))
        }
        Err(ChangeError::EmailTaken) => {
            Err(PageError::Internal("changing a password reported a taken email address".to_owned()))
        }
        Err(ChangeError::Db(error)) => Err(error.into()),
    }
}

/// Returns sentences about the ended sessions and invitations, each with a space before it.
fn ended_access(revoked: &RevokedAccess) -> String {
    let sessions = match revoked.sessions {
        0 => String::new(),
        1 => " 1 other browser was signed out.".to_owned(),
        more => format!(" {more} other browsers were signed out."),
    };
    let invitations = match revoked.invitations {
        0 => String::new(),
        1 => " 1 of your open invitations was revoked.".to_owned(),
        more => format!(" {more} of your open invitations were revoked."),
    };
    sessions + invitations.as_str()
}

/// `POST /account/sessions/{uuid}/end`
pub(crate) async fn end_session(
    app: web::Data<AppState>,
    SignedIn(user): SignedIn,
    session: BrowserSession,
    uuid: web::Path<String>,
    client: ClientInfo,
    _: Form,
) -> Result<HttpResponse, PageError> {
    let uuid: PublicId = uuid.parse().map_err(|_| PageError::NotFound)?;
    let current = session.id();
    let actor = user.actor(client, app.clock.now());
    if !app.db.write(move |conn| profile::end_session(conn, &user, &actor, &uuid, current.as_ref())).await? {
        return Err(PageError::NotFound);
    }
    if current == Some(uuid) {
        return Ok(login::end_session(&session));
    }
    session.flash("Browser signed out.")?;
    Ok(html::redirect(PATH))
}

/// `POST /account/sessions/end`
pub(crate) async fn end_other_sessions(
    app: web::Data<AppState>,
    SignedIn(user): SignedIn,
    session: BrowserSession,
    client: ClientInfo,
    _: Form,
) -> Result<HttpResponse, PageError> {
    let current = session.current()?;
    let actor = user.actor(client, app.clock.now());
    match app.db.write(move |conn| profile::end_other_sessions(conn, &user, &actor, &current)).await {
        Ok(revoked) => {
            session.renew(revoked.generation)?;
            let ended = ended_access(&revoked);
            if revoked.sessions == 0 {
                session.note(&format!("No other browser was signed in.{ended}"))?;
            } else {
                session.flash(ended.trim())?;
            }
            Ok(html::redirect(PATH))
        }
        // Another request ended this session.
        Err(ChangeError::Stale) => Err(PageError::SeeOther(RedirectTarget::login_url(PATH))),
        Err(ChangeError::EmailTaken) => {
            Err(PageError::Internal("ending sessions reported a taken email address".to_owned()))
        }
        Err(ChangeError::Db(error)) => Err(error.into()),
    }
}
