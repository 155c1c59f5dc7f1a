//! The login page, and signing out.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue, RETRY_AFTER};
use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::extract::SignedIn;
use crate::accounts::kept_form::KeptFormCookie;
use crate::accounts::login::{self, LoginError};
use crate::accounts::model::User;
use crate::accounts::redirect_target::RedirectTarget;
use crate::accounts::services::AccountServices;
use crate::accounts::session::{BrowserSession, Flash};
use crate::audit::event::EventKind;
use crate::base::client_info::ClientInfo;
use crate::db::DbError;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::form::{Field, Form};
use crate::web::html;

/// Clear Site Data, section 3.1.
const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

#[derive(Template)]
#[template(path = "accounts/login.html")]
struct LoginPage {
    email: String,
    next: String,
    /// The reason for the page, after a redirect.
    reason: &'static str,
    error: Option<String>,
    /// The flash message of the previous page.
    flash: Option<Flash>,
    /// There is no user yet.
    is_new: bool,
}

/// The query string of the login page.
#[derive(serde::Deserialize)]
pub(crate) struct LoginQuery {
    next: Option<String>,
    /// Present after signing out, when there is no session that could hold a message.
    signed_out: Option<String>,
    /// `too-long`: the input of the submitted form was too long to be kept.
    form: Option<String>,
}

impl LoginQuery {
    fn target(&self) -> Option<RedirectTarget> {
        self.next.as_deref().and_then(|next| next.parse().ok())
    }
}

/// `GET /login`
pub(crate) async fn show(
    app: web::Data<AppState>,
    accounts: web::Data<AccountServices>,
    signed_in: Result<SignedIn, PageError>,
    session: BrowserSession,
    kept: KeptFormCookie,
    query: Result<web::Query<LoginQuery>, actix_web::Error>,
) -> Result<HttpResponse, PageError> {
    // A query that can't be read has no target.
    let query = query.ok();
    let next = query.as_ref().and_then(|query| query.target());
    let is_too_long = query.as_ref().is_some_and(|query| query.form.as_deref() == Some("too-long"));
    let is_signed_out = query.is_some_and(|query| query.signed_out.is_some());
    match signed_in {
        Ok(SignedIn(user)) => return redirect_after_login(next.as_ref(), &kept, &session, &user),
        // While the database is unavailable, the page is shown and its POST answers 503.
        Err(PageError::SeeOther(_) | PageError::Unavailable(_) | PageError::Db(DbError::Unavailable(_))) => {}
        Err(other) => return Err(other),
    }
    let has_no_users = match accounts.has_users(&app.db).await {
        Ok(has_users) => !has_users,
        Err(DbError::Unavailable(_)) => false,
        Err(error) => return Err(error.into()),
    };
    let next = next.map_or_else(String::new, |next| next.as_str().to_owned());
    let reason = if kept.is_for(&next) {
        "Your session has ended. Sign in to continue: what you typed is kept."
    } else if is_too_long {
        "Your session has ended. What you typed was too long to keep. Sign in to continue."
    } else if next.is_empty() {
        ""
    } else {
        "You’re not signed in, or your session has ended. Sign in to continue where you were."
    };
    let signed_out = || is_signed_out.then(|| Flash { text: "You have signed out.".to_owned(), is_done: true });
    Ok(html::ok(&LoginPage {
        email: String::new(),
        next,
        reason,
        error: None,
        flash: session.take_flash().or_else(signed_out),
        is_new: has_no_users,
    }))
}

/// `POST /login`
pub(crate) async fn submit(
    app: web::Data<AppState>,
    accounts: web::Data<AccountServices>,
    session: BrowserSession,
    kept: KeptFormCookie,
    client: ClientInfo,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let (email, next) = (form.text("email"), form.text("next").parse::<RedirectTarget>().ok());
    // Fails before the password check if the session store is unavailable: signing in would fail after it.
    session.user()?;
    let form_error = match login::sign_in(&app, &accounts, email, form.text("password"), &client).await {
        Ok(verified) => {
            session.sign_in(&verified.user, verified.generation, &client)?;
            return redirect_after_login(next.as_ref(), &kept, &session, &verified.user);
        }
        Err(error) => {
            LoginFormError::new(error, "The email address or password is wrong, or the account is not active.")?
        }
    };
    let next = next.map_or_else(String::new, |next| next.as_str().to_owned());
    let error = Some(form_error.message.clone());
    Ok(form_error.render(&LoginPage { email: email.to_owned(), next, reason: "", error, flash: None, is_new: false }))
}

/// Redirects a signed-in user to the requested page, with the form that they had filled in there.
fn redirect_after_login(
    next: Option<&RedirectTarget>,
    kept: &KeptFormCookie,
    session: &BrowserSession,
    user: &User,
) -> Result<HttpResponse, PageError> {
    let next = next.map_or("/", RedirectTarget::as_str);
    let mut response = html::redirect(next);
    kept.move_to_session(session, &user.uuid, next, &mut response)?;
    Ok(response)
}

/// The status, message and `Retry-After` of a form whose password was not accepted.
pub(crate) struct LoginFormError {
    status: StatusCode,
    message: String,
    retry_after_seconds: Option<u64>,
}

impl LoginFormError {
    /// Converts a [`LoginError`]. `invalid_credentials` is the message for that variant.
    ///
    /// # Errors
    ///
    /// A failed query is returned as a [`PageError`].
    pub(crate) fn new(error: LoginError, invalid_credentials: &str) -> Result<Self, PageError> {
        let (status, message, retry_after_seconds) = match error {
            LoginError::InvalidCredentials => (StatusCode::UNPROCESSABLE_ENTITY, invalid_credentials.to_owned(), None),
            LoginError::RateLimited(wait) => {
                // Rounded up, so that an attempt after that time is allowed.
                let seconds = wait.as_micros().div_ceil(1_000_000);
                let minutes = seconds.div_ceil(60);
                let unit = if minutes == 1 { "minute" } else { "minutes" };
                (
                    StatusCode::TOO_MANY_REQUESTS,
                    format!("Too many failed attempts. Try again in {minutes} {unit}."),
                    u64::try_from(seconds).ok(),
                )
            }
            LoginError::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Too many people are signing in right now. Try again in a moment.".to_owned(),
                Some(1),
            ),
            LoginError::Hash(error) => return Err(error.into()),
            LoginError::Db(error) => return Err(error.into()),
        };
        Ok(Self { status, message, retry_after_seconds })
    }

    /// Returns an empty password field with the message as its error.
    #[must_use]
    pub(crate) fn field(&self) -> Field {
        Field::default().with_error(&self.message)
    }

    /// Renders the form's page with the status and `Retry-After` of this error.
    pub(crate) fn render(&self, page: &impl Template) -> HttpResponse {
        let mut response = html::render(self.status, page);
        if let Some(seconds) = self.retry_after_seconds {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// `POST /logout`. Succeeds without a session too.
pub(crate) async fn sign_out(
    app: web::Data<AppState>,
    signed_in: Result<SignedIn, PageError>,
    session: BrowserSession,
    client: ClientInfo,
    _: Form,
) -> Result<HttpResponse, PageError> {
    if let Ok(SignedIn(user)) = signed_in {
        let actor = user.actor(client, app.clock.now());
        app.db.write(move |conn| actor.event(EventKind::SignedOut).record(conn)).await?;
    }
    session.user()?;
    Ok(end_session(&session))
}

/// Deletes the session of the request. The response is a redirect to the login page that makes the browser delete the pages
/// which it keeps, also those for going back.
pub(crate) fn end_session(session: &BrowserSession) -> HttpResponse {
    session.sign_out();
    let mut response = html::redirect("/login?signed_out=1");
    response.headers_mut().insert(CLEAR_SITE_DATA, HeaderValue::from_static("\"cache\""));
    response
}
