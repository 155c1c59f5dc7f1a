//! Middleware that keeps what was typed into a form whose session has ended.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, ResponseError as _};

use crate::accounts::extract::SignedIn;
use crate::accounts::kept_form::{KeptForm, new_cookie};
use crate::accounts::redirect_target::RedirectTarget;
use crate::base::id::PublicId;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::form::Form;
use crate::web::html;

/// A form whose input is kept.
pub(crate) struct TypedForm {
    /// The pattern of the path that the form is submitted to.
    pub action: &'static str,
    /// The pattern of the page that shows the form: the parameters are at the same positions as in `action`.
    pub page: &'static str,
    /// The fields that are kept. Must not name a password, a token value or a code.
    pub fields: &'static [&'static str],
}

impl TypedForm {
    /// Returns the page's path for the path of a request.
    fn page_path(&self, action_path: &str) -> String {
        let values: Vec<&str> = action_path.split('/').collect();
        let segments = self.page.split('/').enumerate();
        let path =
            segments.map(|(nth, part)| if part.starts_with('{') { values.get(nth).unwrap_or(&"") } else { part });
        path.collect::<Vec<_>>().join("/")
    }

    /// Returns the fields of a request that are kept.
    fn kept_fields(&self, form: &Form) -> Vec<(String, String)> {
        let present = self.fields.iter().filter(|name| form.is_present(name));
        present.map(|name| ((*name).to_owned(), form.text(name).to_owned())).collect()
    }
}

/// The middleware. A submission of one of `forms` without a session is redirected to the login page, with the input in a
/// cookie. It needs the session and comes after [`crate::web::csrf`], so that another site can't put text into a form.
pub(crate) async fn keep_form(
    forms: &'static [TypedForm],
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    if *request.method() == Method::POST {
        let pattern = request.resource_map().match_pattern(request.path());
        let typed = pattern.and_then(|pattern| forms.iter().find(|form| form.action == pattern));
        // Any other error is the response of the handler too.
        if let Some(typed) = typed
            && let Err(PageError::SeeOther(_)) = request.extract::<SignedIn>().await
        {
            let form = request.extract::<Form>().await;
            let response = redirect_to_login(&request, typed, form);
            return Ok(request.into_response(response.unwrap_or_else(|error| error.error_response())));
        }
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}

fn redirect_to_login(
    request: &ServiceRequest,
    typed: &TypedForm,
    form: Result<Form, PageError>,
) -> Result<HttpResponse, PageError> {
    let page = typed.page_path(request.path());
    let login = RedirectTarget::login_url(&page);
    let too_long = || html::redirect(&format!("{login}&form=too-long"));
    let form = match form {
        Ok(form) => form,
        Err(PageError::Bad(StatusCode::PAYLOAD_TOO_LARGE, _)) => return Ok(too_long()),
        Err(_) => return Ok(html::redirect(&login)),
    };
    // The session may be deleted, so the form itself names its user.
    let (user, fields) = (form.text("reader").parse::<PublicId>(), typed.kept_fields(&form));
    let Some(user) = user.ok().filter(|_| !fields.is_empty()) else { return Ok(html::redirect(&login)) };
    let now = AppState::from_request(request.request())?.clock.now();
    let Some(cookie) = new_cookie(request.request(), &KeptForm::new(&user, &page, now, fields))? else {
        return Ok(too_long());
    };
    let mut response = html::redirect(&login);
    response.add_cookie(&cookie).map_err(|error| PageError::Internal(error.to_string()))?;
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_fields_are_kept() {
        let fields = [("email", "a@example.org"), ("password", "secret"), ("form_key", "0123")];
        let form = Form::from_fields(fields.map(|(name, text)| (name.to_owned(), text.to_owned())));
        let kept = TypedForm { action: "", page: "", fields: &["email", "name"] }.kept_fields(&form);
        assert_eq!(kept, [("email".to_owned(), "a@example.org".to_owned())]);
    }

    #[test]
    fn the_path_of_the_page_has_the_parameters_of_the_request() {
        let path = |page, action| TypedForm { action: "", page, fields: &[] }.page_path(action);
        assert_eq!(path("/account", "/account/name"), "/account");
        assert_eq!(path("/w/{slug}/settings/tokens/new", "/w/acme/settings/tokens"), "/w/acme/settings/tokens/new");
        assert_eq!(path("/w/{slug}/members/{member}", "/w/acme/members/1-2/email"), "/w/acme/members/1-2");
    }
}
