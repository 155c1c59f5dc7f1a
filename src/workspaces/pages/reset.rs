//! The page of a password reset link. It belongs to the workspaces module because a new password must not contain the name
//! of the user's workspaces, which the accounts module must not import.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::login;
use crate::accounts::model::User;
use crate::accounts::pages::login::LoginFormError;
use crate::accounts::password::NewPassword;
use crate::accounts::password_reset::{self, ResetError};
use crate::accounts::services::AccountServices;
use crate::accounts::session::BrowserSession;
use crate::base::client_info::ClientInfo;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::form::{Field, Form};
use crate::web::html::{self, Message};
use crate::workspaces::model::names_of;
use crate::workspaces::reset_authority::may_reset;
use crate::workspaces::store::list_memberships;

#[derive(Template)]
#[template(path = "workspaces/reset.html")]
struct ResetPage {
    code: String,
    email: String,
    password: Field,
}

impl ResetPage {
    fn new(code: &str, user: &User) -> Self {
        Self { code: code.to_owned(), email: user.email.as_str().to_owned(), password: Field::default() }
    }
}

fn reset_error(error: ResetError) -> PageError {
    match error {
        ResetError::InvalidLink | ResetError::UnknownUser | ResetError::Deactivated | ResetError::AlreadyCreated => PageError::Bad(
            StatusCode::NOT_FOUND,
            Message::new(
                "This link doesn’t work",
                "A password link works once, for 24 hours, and a newer link replaces it. Ask an administrator of your workspaces or the server administrator for a new one.",
            )
            .with_link("/login", "Go to sign-in"),
        ),
        ResetError::Db(error) => error.into(),
    }
}

/// `GET /reset/{code}`
pub(crate) async fn show(app: web::Data<AppState>, code: web::Path<String>) -> Result<HttpResponse, PageError> {
    let user = password_reset::find(&app, &code, may_reset).await.map_err(reset_error)?;
    Ok(html::ok(&ResetPage::new(&code, &user)))
}

/// `POST /reset/{code}`
pub(crate) async fn submit(
    app: web::Data<AppState>,
    accounts: web::Data<AccountServices>,
    session: BrowserSession,
    code: web::Path<String>,
    client: ClientInfo,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let user = password_reset::find(&app, &code, may_reset).await.map_err(reset_error)?;
    let key = user.key;
    let memberships = app.db.read(move |conn| list_memberships(conn, key)).await?;
    let names = names_of(&user, &memberships);
    let (password, chosen) = NewPassword::read(&form, "password", Some(&user.email), &names);
    let Some(chosen) = chosen else {
        let page = ResetPage { password, ..ResetPage::new(&code, &user) };
        return Ok(html::render(StatusCode::UNPROCESSABLE_ENTITY, &page));
    };
    // Fails before the write if the session store is unavailable: resetting the session would fail after it.
    session.user()?;
    let (hash, attempt) = match login::hash_new_password(&app, &accounts, chosen, &client).await {
        Ok(hashed) => hashed,
        Err(error) => {
            let error = LoginFormError::new(error, "")?;
            return Ok(error.render(&ResetPage { password: error.field(), ..ResetPage::new(&code, &user) }));
        }
    };
    let result = password_reset::run(&app, &accounts, &code, may_reset, hash, client).await;
    // The link is used or invalid now, so it can't cause another hash.
    login::forget_attempt(&app, &accounts, attempt).await;
    result.map_err(reset_error)?;
    session.reset();
    session.flash("Password changed. You were signed out everywhere. Sign in with your new password.")?;
    Ok(html::redirect("/login"))
}
