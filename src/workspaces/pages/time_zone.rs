//! The choice of the time zone in which a user's pages show times.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};

use crate::accounts::extract::SignedIn;
use crate::accounts::profile;
use crate::accounts::session::BrowserSession;
use crate::base::client_info::ClientInfo;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::form::Form;
use crate::web::html;

/// `POST /account/time-zone`
pub(crate) async fn submit(
    app: web::Data<AppState>,
    SignedIn(user): SignedIn,
    session: BrowserSession,
    client: ClientInfo,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let (prefers_browser_zone, message) = match form.text("time_zone") {
        "browser" => (true, "Times are now shown in your browser’s time zone."),
        "workspace" => (false, "Times are now shown in each workspace’s time zone."),
        _ => {
            let text = "Nothing was changed. Go back and choose one of the two.";
            return Err(PageError::bad(StatusCode::UNPROCESSABLE_ENTITY, "Choose a time zone", text));
        }
    };
    let actor = user.actor(client, app.clock.now());
    app.db.write(move |conn| profile::prefer_browser_zone(conn, &user, &actor, prefers_browser_zone)).await?;
    session.flash(message)?;
    Ok(html::redirect("/account"))
}
