//! Signing in and out.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::extract::SignedIn;
use crate::accounts::login::{self, LoginError};
use crate::accounts::redirect_target::RedirectTarget;
use crate::accounts::services::AccountServices;
use crate::accounts::session::BrowserSession;
use crate::audit::event::{Event, EventKind};
use crate::base::client_info::ClientInfo;
use crate::db::DbError;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::form::{Field, Form};
use crate::web::html;

#[derive(Template)]
#[template(path = "accounts/login.html")]
struct LoginPage {
    email: String,
    next: String,
    error: Option<String>,
    /// What the page before left to say.
    flash: Option<String>,
    /// No user exists yet.
    is_new: bool,
}

/// Where to go after signing in, from a query.
#[derive(serde::Deserialize)]
pub struct Next {
    next: Option<String>,
}

impl Next {
    fn path(&self) -> Option<RedirectTarget> {
        self.next.as_deref().and_then(|next| next.parse().ok())
    }
}

/// `GET /login`
pub async fn show(
    app: web::Data<AppState>,
    accounts: web::Data<AccountServices>,
    person: Result<SignedIn, PageError>,
    session: BrowserSession,
    query: Result<web::Query<Next>, actix_web::Error>,
) -> Result<HttpResponse, PageError> {
    let next = query.ok().and_then(|query| query.path());
    match person {
        Ok(_) => return Ok(html::redirect(next.as_ref().map_or("/", RedirectTarget::as_str))),
        // While the database is down the caller is unknown; the POST answers 503.
        Err(PageError::SeeOther(_) | PageError::Unavailable(_) | PageError::Db(DbError::Unavailable(_))) => {}
        Err(other) => return Err(other),
    }
    let is_new = match accounts.has_users(&app.db).await {
        Ok(has_people) => !has_people,
        // The database is down and has not answered since the start.
        Err(DbError::Unavailable(_)) => false,
        Err(error) => return Err(error.into()),
    };
    let next = next.map_or_else(String::new, |next| next.as_str().to_owned());
    Ok(html::ok(&LoginPage { email: String::new(), next, error: None, flash: session.take_flash(), is_new }))
}

/// `POST /login`
pub async fn submit(
    app: web::Data<AppState>,
    accounts: web::Data<AccountServices>,
    session: BrowserSession,
    client: ClientInfo,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let (email, next) = (form.text("email"), form.text("next").parse::<RedirectTarget>().ok());
    // A session that can't be read could not be written either.
    session.user()?;
    let refusal = match login::sign_in(&app, &accounts, email, form.text("password"), &client).await {
        Ok(user) => {
            session.sign_in(&user, &client)?;
            return Ok(html::redirect(next.as_ref().map_or("/", RedirectTarget::as_str)));
        }
        Err(error) => {
            LoginFormError::of(error, "That e-mail address and password don’t match, or the account is not active.")?
        }
    };
    let next = next.map_or_else(String::new, |next| next.as_str().to_owned());
    let error = Some(refusal.sentence.clone());
    Ok(refusal.answer(&LoginPage { email: email.to_owned(), next, error, flash: None, is_new: false }))
}

/// What a form says, and with what status, when the password typed into it did not do.
pub struct LoginFormError {
    status: StatusCode,
    /// For the person who typed it.
    sentence: String,
    /// How many seconds to wait.
    wait: Option<u64>,
}

impl LoginFormError {
    /// `wrong` is what is said of a wrong password. A failed query is a page of its own.
    pub fn of(error: LoginError, wrong: &str) -> Result<Self, PageError> {
        let (status, sentence, wait) = match error {
            LoginError::InvalidCredentials => (StatusCode::UNPROCESSABLE_ENTITY, wrong.to_owned(), None),
            LoginError::RateLimited(wait) => {
                // Rounded up: who waits as long as told must be let in.
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
                "Many people are signing in at this moment. Try again.".to_owned(),
                Some(1),
            ),
            LoginError::Db(error) => return Err(error.into()),
        };
        Ok(Self { status, sentence, wait })
    }

    /// The field with the password, empty, and why.
    #[must_use]
    pub fn field(&self) -> Field {
        Field::default().with_error(&self.sentence)
    }

    /// The page with its form, answered with the refusal's status.
    pub fn answer(&self, form: &impl Template) -> HttpResponse {
        let mut answer = html::render(self.status, form);
        if let Some(seconds) = self.wait {
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        answer
    }
}

/// `POST /logout`. Somebody who is not signed in any more has what they want.
pub async fn sign_out(
    app: web::Data<AppState>,
    person: Result<SignedIn, PageError>,
    session: BrowserSession,
    client: ClientInfo,
    _: Form,
) -> Result<HttpResponse, PageError> {
    if let Ok(SignedIn(user)) = person {
        let now = app.clock.now();
        app.db
            .write(move |conn| {
                Event {
                    actor: Some(user.uuid.as_str()),
                    client: Some(&client),
                    ..Event::new(now, EventKind::SignedOut)
                }
                .record(conn)
            })
            .await?;
    }
    session.user()?;
    session.sign_out();
    Ok(html::redirect("/login"))
}
