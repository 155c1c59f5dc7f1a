//! The form that changes or verifies a member's email address. It is on the member's page.

use actix_web::{HttpResponse, web};

use crate::accounts::change_email::ReplaceEmailError;
use crate::accounts::model::EmailAddress;
use crate::accounts::session::BrowserSession;
use crate::base::client_info::ClientInfo;
use crate::members::change_email::{ChangeEmailError, EmailChange, change_email};
use crate::members::pages::list::{MemberAction, MemberPath, find, forbidden};
use crate::members::pages::member::refuse_email;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::form::{Field, Form};
use crate::web::html;
use crate::workspaces::email_authority::EmailAuthority;
use crate::workspaces::extract::Administrator;

const FORBIDDEN: (&str, &str) = (
    "You can’t change this address here",
    "An administrator of all workspaces of this person can change it, or the server administrator. Your own address is on your account page.",
);

/// `POST /w/{slug}/settings/members/{member}/email`
pub(crate) async fn submit(
    app: web::Data<AppState>,
    Administrator(reader): Administrator,
    path: MemberPath,
    session: BrowserSession,
    client: ClientInfo,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let found = find(&app, &reader, &path).await?;
    if found.email_authority == EmailAuthority::None || found.view.is_you {
        return Err(forbidden(found.view.path, FORBIDDEN));
    }
    let (field, email) = Field::read::<EmailAddress>(&form, "email");
    let Some(email) = email else { return refuse_email(&app, &reader, &path, field).await };
    let action = MemberAction::new(&app, &reader, &path, client)?;
    let write = move |conn: &mut _| change_email(conn, &action.workspace, &action.uuid, &email, &action.actor);
    let name = found.view.name.as_str();
    match app.db.write(write).await {
        Ok(EmailChange::Changed(user)) => {
            let verified = if user.verified_email().is_some() { " It is verified." } else { "" };
            session.flash(&format!("{name} signs in as {} from now on.{verified}", user.email))?;
        }
        Ok(EmailChange::Verified(user)) => {
            session.flash(&format!("The email address {} is verified now.", user.email))?;
        }
        Ok(EmailChange::Unchanged(user)) => session.note(&format!("The email address is still {}.", user.email))?,
        Err(ChangeEmailError::NotAllowed) => return Err(forbidden(found.view.path, FORBIDDEN)),
        Err(ChangeEmailError::Replace(ReplaceEmailError::EmailTaken(_))) => {
            let field = field.with_error("Another user already has this address.");
            return refuse_email(&app, &reader, &path, field).await;
        }
        Err(ChangeEmailError::Member(error)) => return Err(error.into()),
        Err(ChangeEmailError::Replace(ReplaceEmailError::Db(error)) | ChangeEmailError::Db(error)) => {
            return Err(error.into());
        }
    }
    Ok(html::redirect(&found.view.path))
}
