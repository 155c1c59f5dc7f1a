//! The extractor of the signed-in user: [`SignedIn`].

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::{FromRequest, HttpRequest};

use crate::accounts::model::User;
use crate::accounts::redirect_target::RedirectTarget;
use crate::accounts::session::{BrowserSession, SessionUser};
use crate::accounts::store;
use crate::web::app_state::AppState;
use crate::web::error::PageError;

/// An active user with a session that was made with their current credentials. Without one, the response is a redirect to the login page, which redirects back to the
/// requested page.
pub(crate) struct SignedIn(pub User);

impl FromRequest for SignedIn {
    type Error = PageError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, PageError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let session = BrowserSession::from_request(request, payload);
        let app = AppState::from_request(request);
        let target = match *request.method() {
            Method::GET | Method::HEAD => {
                request.uri().path_and_query().map_or("/", |target| target.as_str()).to_owned()
            }
            // The redirect loses the body of a POST, so the user starts again at the page of the form.
            _ => request.path().to_owned(),
        };
        Box::pin(async move {
            let app = app?;
            let session = session.await.map_err(|error| PageError::Internal(error.to_string()))?;
            let user = match session.user()? {
                Some(SessionUser { uuid, generation }) => {
                    app.db.read(move |conn| store::user_by_generation(conn, &uuid, generation)).await?
                }
                None => None,
            };
            match user {
                Some(user) if user.is_active => Ok(Self(user)),
                Some(_) | None => Err(PageError::SeeOther(RedirectTarget::login_url(&target))),
            }
        })
    }
}
