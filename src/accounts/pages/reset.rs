//! Setting a new password by a link.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::model::User;
use crate::accounts::password::NewPassword;
use crate::accounts::password_reset::{self, ResetError};
use crate::accounts::services::AccountServices;
use crate::accounts::session::BrowserSession;
use crate::base::client_info::ClientInfo;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::form::{Field, Form};
use crate::web::html::{self, Message};

#[derive(Template)]
#[template(path = "accounts/reset.html")]
struct ResetPage {
    code: String,
    email: String,
    password: Field,
}

impl ResetPage {
    fn of(code: &str, user: &User) -> Self {
        Self { code: code.to_owned(), email: user.email.as_str().to_owned(), password: Field::default() }
    }
}

fn no_reset(error: ResetError) -> PageError {
    match error {
        ResetError::DeadLink | ResetError::Nobody | ResetError::Deactivated => PageError::Bad(
            StatusCode::NOT_FOUND,
            Message::new(
                "This link does not work",
                "A link to set a new password works once, for 24 hours, and a newer one replaces it. Ask the person who runs this server for another.",
            )
            .with_link("/login", "Go to sign-in"),
        ),
        ResetError::Db(error) => error.into(),
    }
}

/// `GET /reset/{code}`
pub async fn show(app: web::Data<AppState>, code: web::Path<String>) -> Result<HttpResponse, PageError> {
    let user = password_reset::find(&app, &code).await.map_err(no_reset)?;
    Ok(html::ok(&ResetPage::of(&code, &user)))
}

/// `POST /reset/{code}`
pub async fn submit(
    app: web::Data<AppState>,
    accounts: web::Data<AccountServices>,
    session: BrowserSession,
    code: web::Path<String>,
    client: ClientInfo,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let user = password_reset::find(&app, &code).await.map_err(no_reset)?;
    let (password, chosen) = NewPassword::read(&form, "password", Some(&user.email));
    let Some(chosen) = chosen else {
        let refused = ResetPage { password, ..ResetPage::of(&code, &user) };
        return Ok(html::render(StatusCode::UNPROCESSABLE_ENTITY, &refused));
    };
    // A session that can't be read could not be left either.
    session.user()?;
    let hash = accounts.passwords.hash(chosen).await?;
    password_reset::run(&app, &code, hash, client).await.map_err(no_reset)?;
    session.reset();
    session.flash("Your password is changed, and you are signed out everywhere. Sign in with the new one.")?;
    Ok(html::redirect("/login"))
}
