//! Middleware that shows the menu and the switcher around the 403 and 404 pages of a signed-in user.
//!
//! The menu is that of the workspace which the user opened last, whatever the URL is. So the 404 page is the same for a page
//! that does not exist and for one that the user may not see.

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest as _, HttpRequest, HttpResponse, web};
use askama::Template;

use crate::web::app_state::AppState;
use crate::web::error::{PageError, not_found_message};
use crate::web::html::{self, Message};
use crate::workspaces::extract::UserWithMemberships;
use crate::workspaces::layout::{AccountLayout, WorkspaceLayout};
use crate::workspaces::menu_mark::MenuMark;

#[derive(Template)]
#[template(path = "workspaces/refusal.html")]
struct WorkspaceRefusal {
    layout: WorkspaceLayout,
    message: Message,
}

#[derive(Template)]
#[template(path = "workspaces/refusal_account.html")]
struct AccountRefusal {
    layout: AccountLayout,
    message: Message,
}

/// The middleware. It needs the session, so it is inside the session's middleware.
pub(crate) async fn keep_menu(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, Error> {
    let response = next.call(request).await?;
    let error = response.response().error().and_then(|error| error.as_error::<PageError>());
    let message = match error {
        Some(PageError::NotFound) => not_found_message(),
        Some(PageError::Forbidden(message)) => message.clone(),
        Some(_) | None => return Ok(response.map_into_left_body()),
    };
    match with_menu(response.request().clone(), response.status(), message).await {
        Some(page) => Ok(response.into_response(page).map_into_right_body()),
        None => Ok(response.map_into_left_body()),
    }
}

/// Renders the message inside the user's layout. Returns `None` for an anonymous user, and while the database does not
/// answer: the page without a menu is shown then.
async fn with_menu(request: HttpRequest, status: StatusCode, message: Message) -> Option<HttpResponse> {
    let person = UserWithMemberships::from_request(&request, &mut Payload::None).await.ok()?;
    Some(match person.into_last_member() {
        Ok(mut member) => {
            if let (Some(mark), Some(app)) = (MenuMark::of_server(&request), request.app_data::<web::Data<AppState>>())
            {
                let shown = mark.is_shown(&app.db, member.membership, member.role, member.times.now());
                member.needs_attention = shown.await.ok()?;
            }
            html::render(status, &WorkspaceRefusal { layout: WorkspaceLayout::without_section(&member), message })
        }
        Err(person) => html::render(status, &AccountRefusal { layout: AccountLayout::new(&person, false), message }),
    })
}
