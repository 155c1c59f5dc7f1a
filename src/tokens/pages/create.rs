//! Page that creates a token.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::kept_form::Prefill;
use crate::base::client_info::ClientInfo;
use crate::base::random;
use crate::tokens::create::{CreateError, create};
use crate::tokens::expiry::Expiry;
use crate::tokens::extract::TokenHolder;
use crate::tokens::model::{IdempotencyKey, MAX_TOKENS, NewToken, TokenName, TokenOwner};
use crate::tokens::pages::expiry_field::ExpiryField;
use crate::tokens::pages::list::{RetryRotation, Warning, conflict};
use crate::tokens::pages::reveal::{Reveal, reveal};
use crate::tokens::secret::TokenValue;
use crate::tokens::store;
use crate::tokens::view::TokenView;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::form::{Field, Form};
use crate::web::html;
use crate::workspaces::extract::CurrentMember;
use crate::workspaces::layout::{Section, WorkspaceLayout};

#[derive(Template)]
#[template(path = "tokens/new.html")]
struct NewPage {
    layout: WorkspaceLayout,
    name: Field,
    expires: ExpiryField,
    form_key: IdempotencyKey,
    /// The member's tokens, if there are as many as allowed: the page lists them in place of the form.
    rows: Vec<TokenView>,
}

impl NewPage {
    fn new(member: &CurrentMember) -> Self {
        Self {
            layout: WorkspaceLayout::new(member, Section::Tokens),
            name: Field::default(),
            expires: ExpiryField::new(member),
            form_key: IdempotencyKey::generate(&mut random::os_rng()),
            rows: Vec::new(),
        }
    }

    fn is_full(&self) -> bool {
        self.rows.len() >= MAX_TOKENS
    }
}

/// `GET /w/{slug}/settings/tokens/new`
pub(crate) async fn show(
    app: web::Data<AppState>,
    TokenHolder(member): TokenHolder,
    prefill: Prefill,
) -> Result<HttpResponse, PageError> {
    let membership = member.membership;
    let live = app.db.read(move |conn| store::list_active(conn, membership)).await?;
    let mut page = NewPage::new(&member);
    if live.len() >= MAX_TOKENS {
        page.rows = live.iter().map(|token| TokenView::new(token, &page.layout.tokens_path, app.clock.now())).collect();
    } else {
        page.layout.flash = prefill.flash();
        prefill.fill([("name", &mut page.name)]);
        page.expires = page.expires.prefilled(&prefill);
    }
    Ok(html::ok(&page))
}

/// `POST /w/{slug}/settings/tokens`: creates a token and responds with the page that shows its value.
pub(crate) async fn submit(
    app: web::Data<AppState>,
    TokenHolder(member): TokenHolder,
    client: ClientInfo,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let now = app.clock.now();
    let (field, name) = Field::read::<TokenName>(&form, "name");
    let form_key = form.text("form_key").parse::<IdempotencyKey>();
    let expiry = Expiry::parse(form.text("expiry"), form.text("expires_on"), &member.workspace_times());
    let reject = |name: Field, form_key: Option<IdempotencyKey>, error: Option<String>| {
        let empty = NewPage::new(&member);
        let form_key = form_key.unwrap_or(empty.form_key);
        let page = NewPage { name, expires: empty.expires.typed(&form, error), form_key, ..empty };
        Ok(html::render(StatusCode::UNPROCESSABLE_ENTITY, &page))
    };
    let (name, form_key, expiry) = match (name, form_key, expiry) {
        (Some(name), Ok(form_key), Ok(expiry)) => (name, form_key, expiry),
        (Some(_), Err(error), Ok(_)) => return reject(field.with_error(error.0), None, None),
        (_, form_key, expiry) => return reject(field, form_key.ok(), expiry.err().map(|error| error.0)),
    };

    let value = TokenValue::generate(&mut random::os_rng());
    let new = NewToken::new(name.clone(), &value, Some(form_key.clone()), expiry, now, &mut random::os_rng());
    let (uuid, owner, actor) = (new.uuid, TokenOwner::from(&member), member.user.actor(client, now));
    let result = app.db.write(move |conn| create(conn, &owner, &new, &actor)).await;
    match result {
        Ok(()) => reveal(&app, &member, Reveal::new("Token created", &value, uuid, None)).await,
        Err(CreateError::LimitReached) => {
            let text = format!(
                "“{name}” was not created because you already have 3 tokens in this workspace. Delete one that you no longer need, then try again."
            );
            let warning = Warning { heading: "You can have a maximum of 3 tokens", text, retry: None };
            conflict(&app, &member, warning).await
        }
        Err(CreateError::AlreadyCreated(uuid, name)) => {
            let text =
                format!("This form had already created “{name}”. Its value was shown once and can’t be shown again.");
            let membership = member.membership;
            let token = app.db.read(move |conn| store::find(conn, membership, &uuid)).await?;
            // A deleted token can't get a new value.
            let retry = token.map(|token| RetryRotation::new(&member, &token, now));
            let warning = Warning { heading: "This token already exists", text, retry };
            conflict(&app, &member, warning).await
        }
        Err(CreateError::NameTaken) => {
            let error = "You already have a token with this name. Use a different name for each integration.";
            reject(field.with_error(error), Some(form_key), None)
        }
        Err(CreateError::StaleForm) => {
            reject(field.with_error("This form has already been used. Check the name and submit it again."), None, None)
        }
        // The role changed or the membership ended during the request.
        Err(CreateError::NotAllowed) => Err(PageError::NotFound),
        Err(CreateError::Db(error)) => Err(error.into()),
    }
}
