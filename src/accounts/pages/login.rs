//! Signing in and out.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::extract::SignedIn;
use crate::accounts::login::{self, SignInError};
use crate::accounts::redirect_target::NextPath;
use crate::accounts::services::Accounts;
use crate::accounts::session::BrowserSession;
use crate::audit::event::{Event, EventKind};
use crate::base::client_info::Client;
use crate::db::DbError;
use crate::web::app_state::App;
use crate::web::error::PageError;
use crate::web::form::{Field, Form};
use crate::web::html;

#[derive(Template)]
#[template(path = "accounts/login.html")]
struct SignInPage {
    email: String,
    next: String,
    error: Option<String>,
    /// What the page before left to say.
    flash: Option<String>,
    /// There is nobody who could sign in yet.
    is_new: bool,
}

/// Where to go after signing in, from a query.
#[derive(serde::Deserialize)]
pub struct Next {
    next: Option<String>,
}

impl Next {
    fn path(&self) -> Option<NextPath> {
        self.next.as_deref().and_then(|next| next.parse().ok())
    }
}

/// `GET /login`
pub async fn show(
    app: web::Data<App>,
    accounts: web::Data<Accounts>,
    person: Result<SignedIn, PageError>,
    session: BrowserSession,
    query: Result<web::Query<Next>, actix_web::Error>,
) -> Result<HttpResponse, PageError> {
    let next = query.ok().and_then(|query| query.path());
    match person {
        Ok(_) => return Ok(html::see_other(next.as_ref().map_or("/", NextPath::as_str))),
        // While the database is down nobody is known, and the page says so when its form is sent.
        Err(PageError::SeeOther(_) | PageError::Unavailable(_)) => {}
        Err(other) => return Err(other),
    }
    let is_new = match accounts.has_people(&app.db).await {
        Ok(has_people) => !has_people,
        // Nobody has asked since the start, and now the database is down.
        Err(DbError::Unavailable(_)) => false,
        Err(error) => return Err(error.into()),
    };
    let next = next.map_or_else(String::new, |next| next.as_str().to_owned());
    Ok(html::ok(&SignInPage { email: String::new(), next, error: None, flash: session.take_flash(), is_new }))
}

/// `POST /login`
pub async fn submit(
    app: web::Data<App>,
    accounts: web::Data<Accounts>,
    session: BrowserSession,
    client: Client,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let (email, next) = (form.text("email"), form.text("next").parse::<NextPath>().ok());
    // A session that can't be read could not be written either.
    session.user()?;
    let refusal = match login::sign_in(&app, &accounts, email, form.text("password"), &client).await {
        Ok(user) => {
            session.sign_in(&user, &client)?;
            return Ok(html::see_other(next.as_ref().map_or("/", NextPath::as_str)));
        }
        Err(error) => {
            Refusal::of(error, "That e-mail address and password don’t match, or the account is not active.")?
        }
    };
    let next = next.map_or_else(String::new, |next| next.as_str().to_owned());
    let error = Some(refusal.sentence.clone());
    Ok(refusal.answer(&SignInPage { email: email.to_owned(), next, error, flash: None, is_new: false }))
}

/// What a form says, and with what status, when the password typed into it did not do.
pub struct Refusal {
    status: StatusCode,
    /// For the person who typed it.
    sentence: String,
    /// How many seconds to wait.
    wait: Option<u64>,
}

impl Refusal {
    /// `wrong` is what is said of a wrong password. A failed query is a page of its own.
    pub fn of(error: SignInError, wrong: &str) -> Result<Self, PageError> {
        let (status, sentence, wait) = match error {
            SignInError::Refused => (StatusCode::UNPROCESSABLE_ENTITY, wrong.to_owned(), None),
            SignInError::TooMany(wait) => {
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
            SignInError::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Many people are signing in at this moment. Try again.".to_owned(),
                Some(1),
            ),
            SignInError::Db(error) => return Err(error.into()),
        };
        Ok(Self { status, sentence, wait })
    }

    /// The field with the password, empty, and why.
    #[must_use]
    pub fn field(&self) -> Field {
        Field::default().refused(&self.sentence)
    }

    /// The page with its form, answered with the refusal's status.
    pub fn answer(&self, form: &impl Template) -> HttpResponse {
        let mut answer = html::answer(self.status, form);
        if let Some(seconds) = self.wait {
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        answer
    }
}

/// `POST /logout`. Somebody who is not signed in any more has what they want.
pub async fn sign_out(
    app: web::Data<App>,
    person: Result<SignedIn, PageError>,
    session: BrowserSession,
    client: Client,
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
    Ok(html::see_other("/login"))
}
