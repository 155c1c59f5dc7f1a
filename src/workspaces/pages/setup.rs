//! The setup page: creates the first administrator and their workspaces.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::login;
use crate::accounts::model::{CredentialsGeneration, EmailAddress, NewUser};
use crate::accounts::pages::login::LoginFormError;
use crate::accounts::password::NewPassword;
use crate::accounts::services::AccountServices;
use crate::accounts::session::BrowserSession;
use crate::base::client_info::ClientInfo;
use crate::base::random;
use crate::base::text::DisplayName;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::form::{Field, Form};
use crate::web::html::{self, Message};
use crate::workspaces::layout::Section;
use crate::workspaces::model::NewWorkspace;
use crate::workspaces::profile::WorkspaceKind;
use crate::workspaces::setup;

#[derive(Template)]
#[template(path = "workspaces/setup.html")]
struct SetupPage {
    code: String,
    name: Field,
    email: Field,
    password: Field,
    workspace: Field,
    with_demo: bool,
}

/// The query string of a setup link.
#[derive(serde::Deserialize)]
pub(crate) struct SetupLink {
    code: Option<String>,
}

fn setup_error(error: setup::SetupError) -> PageError {
    match error {
        setup::SetupError::Done => PageError::NotFound,
        setup::SetupError::BadCode => PageError::Forbidden(
            Message::new(
                "This setup link is not valid",
                "A setup link works once, for 24 hours. Restart Latchkey on the server to get a new link.",
            )
            .with_link("/login", "Go to sign-in"),
        ),
        setup::SetupError::Db(error) => error.into(),
    }
}

/// `GET /setup?code=…`
pub(crate) async fn show(
    app: web::Data<AppState>,
    link: Result<web::Query<SetupLink>, actix_web::Error>,
) -> Result<HttpResponse, PageError> {
    let code = link.ok().and_then(|link| link.into_inner().code).unwrap_or_default();
    setup::check(&app, &code).await.map_err(setup_error)?;
    Ok(html::ok(&SetupPage {
        code,
        name: Field::default(),
        email: Field::default(),
        password: Field::default(),
        workspace: Field::default(),
        with_demo: true,
    }))
}

/// `POST /setup`
pub(crate) async fn submit(
    app: web::Data<AppState>,
    accounts: web::Data<AccountServices>,
    session: BrowserSession,
    client: ClientInfo,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let code = form.text("code").to_owned();
    setup::check(&app, &code).await.map_err(setup_error)?;
    let (name, parsed_name) = Field::read::<DisplayName>(&form, "name");
    let (email, parsed_email) = Field::read::<EmailAddress>(&form, "email");
    let (workspace, parsed_workspace) = Field::read::<DisplayName>(&form, "workspace");
    let names: Vec<&str> = [&parsed_name, &parsed_workspace].into_iter().flatten().map(DisplayName::as_str).collect();
    let (password, chosen) = NewPassword::read(&form, "password", parsed_email.as_ref(), &names);
    let with_demo = form.is_present("demo");
    let (Some(parsed_name), Some(parsed_email), Some(parsed_workspace), Some(chosen)) =
        (parsed_name, parsed_email, parsed_workspace, chosen)
    else {
        return Ok(html::render(
            StatusCode::UNPROCESSABLE_ENTITY,
            &SetupPage { code, name, email, password, workspace, with_demo },
        ));
    };

    let (hash, attempt) = match login::hash_new_password(&app, &accounts, chosen, &client).await {
        Ok(hashed) => hashed,
        Err(error) => {
            let error = LoginFormError::new(error, "")?;
            let password = error.field();
            return Ok(error.render(&SetupPage { code, name, email, password, workspace, with_demo }));
        }
    };
    let now = app.clock.now();
    // The operator, who has the link, vouches for the address.
    let user = NewUser::new(parsed_email, parsed_name, hash, now, &mut random::os_rng()).with_verified_email();
    let mut workspaces =
        vec![NewWorkspace::new(None, parsed_workspace.clone(), WorkspaceKind::Production, now, &mut random::os_rng())];
    if with_demo {
        workspaces.push(NewWorkspace::new(
            None,
            demo_name(&parsed_workspace),
            WorkspaceKind::Demo,
            now,
            &mut random::os_rng(),
        ));
    }
    let result = setup::run(&app, &code, user, workspaces, client.clone()).await;
    // The link is used or invalid now, so it can't cause another hash.
    login::forget_attempt(&app, &accounts, attempt).await;
    let (user, slug) = result.map_err(setup_error)?;
    session.sign_in(&user, CredentialsGeneration::FIRST, &client)?;
    Ok(html::redirect(&Section::Overview.path(&slug)))
}

/// Returns the name of the demo workspace: the production name, cut to the maximum length, and "Demo".
fn demo_name(production: &DisplayName) -> DisplayName {
    let name: String = production.as_str().chars().take(59).collect();
    format!("{name} Demo").parse().unwrap_or_else(|_| production.clone())
}
