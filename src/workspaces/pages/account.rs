//! The user's own account: name, email address, password and sessions. It belongs to the workspaces module because the
//! page links to workspaces, which the accounts module must not import.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::extract::SignedIn;
use crate::accounts::login::{LoginError, verify_current_password};
use crate::accounts::model::EmailAddress;
use crate::accounts::pages::login::LoginFormError;
use crate::accounts::profile::{self, AccountActor, ChangeError};
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
use crate::web::html;
use crate::web::time_view::TimeView;
use crate::workspaces::extract::UserWithMemberships;
use crate::workspaces::layout::{AccountLayout, Section};

const PATH: &str = "/account";

/// A session in the list.
struct SessionLine {
    uuid: String,
    /// The browser and the operating system.
    browser: String,
    /// The address of the sign-in, as ` from 203.0.113.7`, or empty.
    source: String,
    seen: TimeView,
    since: TimeView,
    is_this: bool,
}

impl SessionLine {
    fn of(record: &SessionRecord, this: Option<&PublicId>) -> Self {
        Self {
            uuid: record.uuid.to_string(),
            browser: record.agent.as_deref().map_or_else(|| "A browser without a name".to_owned(), browser_name),
            source: record.ip.as_ref().map_or_else(String::new, |ip| format!(" from {ip}")),
            seen: TimeView::new(record.last_seen_at),
            since: TimeView::day(record.created_at),
            is_this: this == Some(&record.uuid),
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
    shell: AccountLayout,
    name: Field,
    email: Field,
    /// The current password in the email form.
    password: Field,
    /// The current password in the password form.
    present_password: Field,
    new_password: Field,
    tokens: Vec<TokensLink>,
    sessions: Vec<SessionLine>,
}

impl AccountPage {
    async fn of(app: &AppState, person: &UserWithMemberships, session: &BrowserSession) -> Result<Self, PageError> {
        let (key, now, this) = (person.user.key, app.clock.now(), session.id());
        let sessions = app.db.read(move |conn| session_store::list_by_user(conn, key, now)).await?;
        let with_tokens = person.memberships.iter().filter(|membership| membership.role.can_have_tokens());
        Ok(Self {
            shell: AccountLayout::new(person, true),
            name: Field::new(person.user.name.as_str()),
            email: Field::new(person.user.email.as_str()),
            password: Field::default(),
            present_password: Field::default(),
            new_password: Field::default(),
            tokens: with_tokens
                .map(|membership| TokensLink {
                    workspace: membership.workspace.profile.name.as_str().to_owned(),
                    path: Section::Tokens.path(&membership.workspace.slug),
                })
                .collect(),
            sessions: sessions.iter().map(|record| SessionLine::of(record, this.as_ref())).collect(),
        })
    }

    /// Returns a field's attributes. A field with an error gets the focus, since the page is long.
    fn attributes(field: &Field, always: &str) -> String {
        let focus = if field.error.is_some() { " autofocus" } else { "" };
        format!("{always}{focus}")
    }

    /// Returns whether the page lists each token page. With many workspaces it describes the path instead.
    fn names_token_pages(&self) -> bool {
        self.tokens.len() <= 5
    }

    fn has_others(&self) -> bool {
        self.sessions.iter().any(|session| !session.is_this)
    }
}

fn render_invalid(page: &AccountPage) -> HttpResponse {
    html::render(StatusCode::UNPROCESSABLE_ENTITY, page)
}

/// `GET /account`
pub async fn show(
    app: web::Data<AppState>,
    person: UserWithMemberships,
    session: BrowserSession,
) -> Result<HttpResponse, PageError> {
    let mut page = AccountPage::of(&app, &person, &session).await?;
    page.shell.flash = session.take_flash();
    Ok(html::ok(&page))
}

/// `GET` of a path that only accepts `POST`: redirects to the form. Sign-in can redirect to such a path.
pub async fn back(_: SignedIn) -> HttpResponse {
    html::redirect(PATH)
}

/// `POST /account/name`
pub async fn rename(
    app: web::Data<AppState>,
    person: UserWithMemberships,
    session: BrowserSession,
    client: ClientInfo,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let (name, parsed_name) = Field::read::<DisplayName>(&form, "name");
    let Some(parsed_name) = parsed_name else {
        return Ok(render_invalid(&AccountPage { name, ..AccountPage::of(&app, &person, &session).await? }));
    };
    let change = AccountActor { user: person.user, client, at: app.clock.now() };
    app.db.write(move |conn| profile::rename(conn, &change, &parsed_name)).await?;
    session.flash("Name saved.")?;
    Ok(html::redirect(PATH))
}

/// Verifies the password typed into a field. The inner error is the message for the form.
async fn verify_password(
    app: &AppState,
    accounts: &AccountServices,
    person: &UserWithMemberships,
    typed: &str,
    client: &ClientInfo,
) -> Result<Result<PasswordHash, LoginFormError>, PageError> {
    if typed.is_empty() {
        // An empty password is no guess, so it does not count as a failed attempt.
        return Ok(Err(LoginFormError::of(LoginError::InvalidCredentials, "Enter your present password.")?));
    }
    match verify_current_password(app, accounts, &person.user, typed, client).await {
        Ok(hash) => Ok(Ok(hash)),
        Err(error) => Ok(Err(LoginFormError::of(error, WRONG_PASSWORD)?)),
    }
}

const WRONG_PASSWORD: &str = "That is not your password.";

/// The field of a password that changed between its check and the transaction.
fn stale_password_field() -> Field {
    Field::default().with_error(WRONG_PASSWORD)
}

/// `POST /account/email`
pub async fn change_email(
    app: web::Data<AppState>,
    accounts: web::Data<AccountServices>,
    person: UserWithMemberships,
    session: BrowserSession,
    client: ClientInfo,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let (email, parsed_email) = Field::read::<EmailAddress>(&form, "email");
    let page = AccountPage { email: email.clone(), ..AccountPage::of(&app, &person, &session).await? };
    let Some(parsed_email) = parsed_email else { return Ok(render_invalid(&page)) };
    let hash = match verify_password(&app, &accounts, &person, form.text("password"), &client).await? {
        Ok(hash) => hash,
        Err(form_error) => return Ok(form_error.answer(&AccountPage { password: form_error.field(), ..page })),
    };
    let message = format!("You sign in as {} from now on.", parsed_email.as_str());
    let change = AccountActor { user: person.user, client, at: app.clock.now() };
    match app.db.write(move |conn| profile::change_email(conn, &change, &hash, &parsed_email)).await {
        Ok(()) => {
            session.flash(&message)?;
            Ok(html::redirect(PATH))
        }
        Err(ChangeError::EmailTaken) => Ok(render_invalid(&AccountPage {
            email: email.with_error("Somebody here has this address already."),
            ..page
        })),
        Err(ChangeError::Stale) => Ok(render_invalid(&AccountPage { password: stale_password_field(), ..page })),
        Err(ChangeError::Db(error)) => Err(error.into()),
    }
}

/// `POST /account/password`
pub async fn change_password(
    app: web::Data<AppState>,
    accounts: web::Data<AccountServices>,
    person: UserWithMemberships,
    session: BrowserSession,
    client: ClientInfo,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let (new_password, chosen) = NewPassword::read(&form, "new_password", Some(&person.user.email));
    let page = AccountPage { new_password, ..AccountPage::of(&app, &person, &session).await? };
    let Some(chosen) = chosen else { return Ok(render_invalid(&page)) };
    let hash = match verify_password(&app, &accounts, &person, form.text("present_password"), &client).await? {
        Ok(hash) => hash,
        Err(form_error) => return Ok(form_error.answer(&AccountPage { present_password: form_error.field(), ..page })),
    };
    let new = accounts.passwords.hash(chosen).await?;
    let this = current_session_id(&session)?;
    let change = AccountActor { user: person.user, client, at: app.clock.now() };
    match app.db.write(move |conn| profile::change_password(conn, &change, &hash, &new, &this)).await {
        Ok(ended) => {
            session.renew();
            session.flash(&format!("Password changed.{} Your tokens go on working.", signed_out(ended)))?;
            Ok(html::redirect(PATH))
        }
        Err(ChangeError::Stale) => {
            Ok(render_invalid(&AccountPage { present_password: stale_password_field(), ..page }))
        }
        Err(ChangeError::EmailTaken) => Err(PageError::Internal("a password is an address".to_owned())),
        Err(ChangeError::Db(error)) => Err(error.into()),
    }
}

/// Returns the identifier of this request's session.
fn current_session_id(session: &BrowserSession) -> Result<PublicId, PageError> {
    session.id().ok_or_else(|| PageError::Internal("a session that is nobody's".to_owned()))
}

fn signed_out(ended: usize) -> String {
    match ended {
        0 => String::new(),
        1 => " One other browser is signed out.".to_owned(),
        more => format!(" {more} other browsers are signed out."),
    }
}

/// `POST /account/sessions/{uuid}/end`
pub async fn end_session(
    app: web::Data<AppState>,
    SignedIn(user): SignedIn,
    session: BrowserSession,
    uuid: web::Path<String>,
    client: ClientInfo,
    _: Form,
) -> Result<HttpResponse, PageError> {
    let uuid: PublicId = uuid.parse().map_err(|_| PageError::NotFound)?;
    let this = session.id();
    let change = AccountActor { user, client, at: app.clock.now() };
    if !app.db.write(move |conn| profile::end_session(conn, &change, &uuid, this.as_ref())).await? {
        return Err(PageError::NotFound);
    }
    if this == Some(uuid) {
        session.sign_out();
        return Ok(html::redirect("/login"));
    }
    session.flash("That browser is signed out.")?;
    Ok(html::redirect(PATH))
}

/// `POST /account/sessions/end`
pub async fn end_other_sessions(
    app: web::Data<AppState>,
    SignedIn(user): SignedIn,
    session: BrowserSession,
    client: ClientInfo,
    _: Form,
) -> Result<HttpResponse, PageError> {
    let this = current_session_id(&session)?;
    let change = AccountActor { user, client, at: app.clock.now() };
    let ended = app.db.write(move |conn| profile::end_other_sessions(conn, &change, &this)).await?;
    let message = if ended == 0 { "No other browser was signed in.".to_owned() } else { signed_out(ended) };
    session.flash(message.trim())?;
    Ok(html::redirect(PATH))
}
