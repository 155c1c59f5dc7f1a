//! Page that creates a token.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::redirect_target::RedirectTarget;
use crate::base::client_info::ClientInfo;
use crate::base::random;
use crate::tokens::create::{CreateError, create};
use crate::tokens::expiry::Expiry;
use crate::tokens::extract::TokenHolder;
use crate::tokens::model::{IdempotencyKey, MAX_TOKENS, NewToken, TokenName, TokenOwner};
use crate::tokens::pages::list::{RetryRotation, Reveal, Warning, conflict, reveal};
use crate::tokens::secret::TokenValue;
use crate::tokens::store;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::form::{Field, Form};
use crate::web::html;
use crate::workspaces::extract::CurrentMember;
use crate::workspaces::layout::{Section, WorkspaceLayout};

/// The expiry fields of a form.
pub(crate) struct ExpiryField {
    pub choice: String,
    pub date: String,
    pub error: Option<String>,
    /// The expiry of the current value, if the new value can keep it.
    pub same: Option<crate::tokens::view::TimeView>,
}

impl ExpiryField {
    pub(crate) fn never() -> Self {
        Self { choice: "never".to_owned(), date: String::new(), error: None, same: None }
    }

    pub(crate) fn typed(form: &Form, error: Option<String>) -> Self {
        Self { choice: form.text("expiry").to_owned(), date: form.text("expires_on").to_owned(), error, same: None }
    }

    /// The periods to choose from: form value and label.
    pub(crate) fn periods() -> impl Iterator<Item = (String, String)> {
        Expiry::PERIODS.into_iter().map(|days| {
            (days.to_string(), if days == 365 { "In a year".to_owned() } else { format!("In {days} days") })
        })
    }
}

#[derive(Template)]
#[template(path = "tokens/new.html")]
struct NewPage {
    shell: WorkspaceLayout,
    tokens_path: String,
    name: Field,
    expires: ExpiryField,
    form_key: IdempotencyKey,
    is_full: bool,
}

impl NewPage {
    fn of(member: &CurrentMember) -> Self {
        Self {
            shell: WorkspaceLayout::new(member, Section::Tokens),
            tokens_path: Section::Tokens.path(&member.workspace.slug),
            name: Field::default(),
            expires: ExpiryField::never(),
            form_key: IdempotencyKey::generate(&mut random::os_rng()),
            is_full: false,
        }
    }
}

/// Query of the page: a suggested name.
#[derive(serde::Deserialize)]
pub struct NewTokenQuery {
    name: Option<String>,
}

/// `GET /w/{slug}/settings/tokens/new`
pub async fn show(
    app: web::Data<AppState>,
    TokenHolder(member): TokenHolder,
    query: Result<web::Query<NewTokenQuery>, actix_web::Error>,
) -> Result<HttpResponse, PageError> {
    let membership = member.membership;
    let live = app.db.read(move |conn| store::list_active(conn, membership)).await?;
    let suggested = query.ok().and_then(|query| query.into_inner().name).unwrap_or_default();
    // Only a valid name is accepted, so that a link cannot put arbitrary text on this page.
    let name = suggested.parse::<TokenName>().map_or_else(|_| Field::default(), |name| Field::new(name.as_str()));
    Ok(html::ok(&NewPage { name, is_full: live.len() >= MAX_TOKENS, ..NewPage::of(&member) }))
}

/// `POST /w/{slug}/settings/tokens`: creates a token and responds with the page that shows its value.
pub async fn submit(
    app: web::Data<AppState>,
    holder: Result<TokenHolder, PageError>,
    slug: web::Path<String>,
    client: ClientInfo,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let TokenHolder(member) = holder.map_err(|error| redirect_to_login(error, &slug, &form))?;
    let now = app.clock.now();
    let (field, name) = Field::read::<TokenName>(&form, "name");
    let form_key = form.text("form_key").parse::<IdempotencyKey>();
    let expiry = Expiry::parse(form.text("expiry"), form.text("expires_on"), now);
    let reject = |name: Field, form_key: Option<IdempotencyKey>, error: Option<String>| {
        let empty = NewPage::of(&member);
        let form_key = form_key.unwrap_or(empty.form_key);
        let page = NewPage { name, expires: ExpiryField::typed(&form, error), form_key, ..empty };
        Ok(html::render(StatusCode::UNPROCESSABLE_ENTITY, &page))
    };
    let (name, form_key, expiry) = match (name, form_key, expiry) {
        (Some(name), Ok(form_key), Ok(expiry)) => (name, form_key, expiry),
        (Some(_), Err(error), Ok(_)) => return reject(field.with_error(error.0), None, None),
        (_, form_key, expiry) => return reject(field, form_key.ok(), expiry.err().map(|error| error.0)),
    };

    let value = TokenValue::generate(&mut random::os_rng());
    let new = NewToken::new(name.clone(), &value, Some(form_key.clone()), expiry, now, &mut random::os_rng());
    let (uuid, owner) = (new.uuid, TokenOwner::from(&member));
    let result = app.db.write(move |conn| create(conn, &owner, &new, Some(&client))).await;
    match result {
        Ok(()) => {
            let heading = format!("Token “{}” created: copy its value now", name.as_str());
            let revealed = Reveal::new(&app, heading, &value, &member, &uuid);
            reveal(&app, &member, StatusCode::CREATED, revealed).await
        }
        Err(CreateError::LimitReached) => {
            let text = format!(
                "“{}” was not created: there are 3 already. Delete one that no integration uses any more, then create it again.",
                name.as_str()
            );
            let warning = Warning { heading: "You can have a maximum of 3 tokens", text, again: None };
            conflict(&app, &member, warning).await
        }
        Err(CreateError::AlreadyCreated(uuid, name)) => {
            let text = format!(
                "This form was sent before. It made the token “{}”, whose value was shown once and is stored nowhere.",
                name.as_str()
            );
            let again = Some(RetryRotation::of(&member, &uuid));
            let warning = Warning { heading: "This token was already created", text, again };
            conflict(&app, &member, warning).await
        }
        Err(CreateError::NameTaken) => {
            let error = "You have a token with this name already. Use one name per integration, so that you know later which is which.";
            reject(field.with_error(error), Some(form_key), None)
        }
        Err(CreateError::StaleForm) => {
            reject(field.with_error("This form was used before. Check the name and send it again."), None, None)
        }
        // The role changed or the membership ended during the request.
        Err(CreateError::NotAllowed) => Err(PageError::NotFound),
        Err(CreateError::Db(error)) => Err(error.into()),
    }
}

/// Adds the form's page to the login redirect. Only the typed name is kept, in the query.
fn redirect_to_login(error: PageError, slug: &str, form: &Form) -> PageError {
    let encode =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    match error {
        PageError::SeeOther(_) => {
            let (slug, name) = (encode(slug).replace("%2D", "-"), encode(form.text("name")));
            PageError::SeeOther(RedirectTarget::login_url(&format!("/w/{slug}/settings/tokens/new?name={name}")))
        }
        other => other,
    }
}
