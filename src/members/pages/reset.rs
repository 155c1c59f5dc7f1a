//! The form on a member's page that creates a password reset link. Only the response contains the link.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use zeroize::Zeroizing;

use crate::accounts::one_time_links::OneTimeCode;
use crate::accounts::password_reset::{ResetError, new_link_by};
use crate::accounts::session::BrowserSession;
use crate::base::client_info::ClientInfo;
use crate::base::random;
use crate::members::pages::list::{MemberAction, MemberPath, find, forbidden};
use crate::members::pages::member::{ResetLinkState, render_reset_link};
use crate::members::reset_link::{ResetLinkError, create_reset_link};
use crate::tokens::model::IdempotencyKey;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::form::Form;
use crate::workspaces::extract::Administrator;

const FORBIDDEN: (&str, &str) = (
    "You can’t create a password link for this person",
    "An administrator of all workspaces of this person can create it, or the server administrator. Your own password is on your account page.",
);

/// `POST /w/{slug}/settings/members/{member}/reset`
pub(crate) async fn submit(
    app: web::Data<AppState>,
    Administrator(reader): Administrator,
    path: MemberPath,
    session: BrowserSession,
    client: ClientInfo,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let found = find(&app, &reader, &path).await?;
    // The key of a form that is not ours is missing; it creates a link once all the same.
    let form_key = form.text("form_key").parse::<IdempotencyKey>();
    let form_key = form_key.unwrap_or_else(|_| IdempotencyKey::generate(&mut random::os_rng()));
    let action = MemberAction::new(&app, &reader, &path, client)?;
    let code = OneTimeCode::generate(&mut random::os_rng());
    let now = action.actor.at;
    let link = new_link_by(reader.user.uuid, action.uuid, &code, form_key.as_str(), now, &mut random::os_rng());
    let generation = session.current()?.generation;
    let MemberAction { workspace, uuid, actor } = action;
    let write = move |conn: &mut _| create_reset_link(conn, &workspace, &uuid, &link, generation, &actor);
    match app.db.write(write).await {
        Ok(()) => {
            let url = Zeroizing::new(app.site.public_url.join(&format!("/reset/{}", code.reveal())));
            render_reset_link(&app, &reader, &path, StatusCode::CREATED, ResetLinkState::Created(url)).await
        }
        Err(ResetLinkError::Reset(ResetError::AlreadyCreated)) => {
            render_reset_link(&app, &reader, &path, StatusCode::CONFLICT, ResetLinkState::Duplicate).await
        }
        Err(ResetLinkError::Member(error)) => Err(error.into()),
        Err(ResetLinkError::Db(error) | ResetLinkError::Reset(ResetError::Db(error))) => Err(error.into()),
        Err(
            ResetLinkError::NotAllowed
            | ResetLinkError::Reset(ResetError::UnknownUser | ResetError::Deactivated | ResetError::InvalidLink),
        ) => Err(forbidden(found.view.path, FORBIDDEN)),
    }
}
