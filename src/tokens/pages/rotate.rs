//! Page that rotates a token.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use crate::base::client_info::ClientInfo;
use crate::base::random;
use crate::tokens::expiry::{Expiry, GracePeriod};
use crate::tokens::extract::TokenHolder;
use crate::tokens::model::{
    ExpiryChange, IdempotencyKey, Rotation, RotationReason, Token, TokenChangeError, TokenOwner,
};
use crate::tokens::pages::create::ExpiryField;
use crate::tokens::pages::list::{RetryRotation, Reveal, TokenPath, Warning, conflict, find, reveal};
use crate::tokens::rotate::rotate;
use crate::tokens::secret::TokenValue;
use crate::tokens::view::{TimeView, TokenView};
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::form::Form;
use crate::web::html;
use crate::workspaces::extract::CurrentMember;
use crate::workspaces::layout::{Section, WorkspaceLayout};

#[derive(Template)]
#[template(path = "tokens/rotate.html")]
struct RotatePage {
    shell: WorkspaceLayout,
    tokens_path: String,
    row: TokenView,
    grace: GracePeriod,
    expires: ExpiryField,
    form_key: String,
    is_expired: bool,
    /// Reason why the token was not rotated.
    error: Option<String>,
}

impl RotatePage {
    fn of(app: &AppState, member: &CurrentMember, token: &Token) -> Self {
        let (tokens_path, now) = (Section::Tokens.path(&member.workspace.slug), app.clock.now());
        let same = token.current.ends_at.filter(|at| *at > now).map(TimeView::new);
        let row = TokenView::of(token, &tokens_path, now);
        Self {
            shell: WorkspaceLayout::new(member, Section::Tokens),
            // During a rotation, another one is possible only without a grace period.
            grace: if row.band.is_some() { GracePeriod::None } else { GracePeriod::Day },
            expires: ExpiryField {
                choice: if same.is_some() { "same" } else { "never" }.to_owned(),
                same,
                ..ExpiryField::never()
            },
            form_key: row.form_key.clone(),
            is_expired: !token.current.is_active_at(now),
            error: None,
            row,
            tokens_path,
        }
    }
}

/// `GET /w/{slug}/settings/tokens/{uuid}/rotate`
pub async fn show(
    app: web::Data<AppState>,
    TokenHolder(member): TokenHolder,
    path: TokenPath,
) -> Result<HttpResponse, PageError> {
    let token = find(&app, &member, &path).await?;
    Ok(html::ok(&RotatePage::of(&app, &member, &token)))
}

/// `POST /w/{slug}/settings/tokens/{uuid}/rotate`: responds with the page that shows the new value.
pub async fn submit(
    app: web::Data<AppState>,
    TokenHolder(member): TokenHolder,
    path: TokenPath,
    client: ClientInfo,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let (token, now) = (find(&app, &member, &path).await?, app.clock.now());
    let grace = form.text("grace").parse::<GracePeriod>();
    let form_key = form.text("form_key").parse::<IdempotencyKey>();
    let expiry = match form.text("expiry") {
        "" | "same" => Ok(ExpiryChange::Keep),
        choice => Expiry::parse(choice, form.text("expires_on"), now).map(ExpiryChange::Set),
    };
    let reject = |status: StatusCode, error: Option<String>, expiry_error: Option<String>| {
        let empty = RotatePage::of(&app, &member, &token);
        let expires = ExpiryField { same: empty.expires.same, ..ExpiryField::typed(&form, expiry_error) };
        let grace = form.text("grace").parse().unwrap_or(empty.grace);
        Ok(html::render(status, &RotatePage { grace, expires, error, ..empty }))
    };
    let (grace, form_key, expiry) = match (grace, form_key, expiry) {
        (Ok(grace), Ok(form_key), Ok(expiry)) => (grace, form_key, expiry),
        (grace, form_key, expiry) => {
            let error = grace.err().or(form_key.err()).map(|error| error.0);
            return reject(StatusCode::UNPROCESSABLE_ENTITY, error, expiry.err().map(|error| error.0));
        }
    };

    let value = TokenValue::generate(&mut random::os_rng());
    let cause = if form.text("cause") == "exposed" { RotationReason::Exposure } else { RotationReason::Routine };
    let rotation = Rotation { expiry, cause, ..Rotation::to(&value, grace, Some(form_key), now) };
    let (owner, uuid) = (TokenOwner::from(&member), token.uuid);
    match app.db.write(move |conn| rotate(conn, &owner, &uuid, &rotation, Some(&client))).await {
        Ok(name) => {
            let heading = format!("New value of “{}”: copy it now", name.as_str());
            let revealed =
                Reveal { old: Some(grace.label()), ..Reveal::new(&app, heading, &value, &member, &token.uuid) };
            reveal(&app, &member, StatusCode::CREATED, revealed).await
        }
        Err(TokenChangeError::RotationInProgress(until)) => {
            let error = format!(
                "This token is being rotated already: its old value works until {}. Stop that one first, or choose that the old value stops at once.",
                until.display()
            );
            reject(StatusCode::CONFLICT, Some(error), None)
        }
        Err(TokenChangeError::AlreadyRotated(name)) => {
            let text = format!(
                "This form was sent before. It made a new value of “{}”, which was shown once and is stored nowhere.",
                name.as_str()
            );
            let again = Some(RetryRotation::of(&member, &token.uuid));
            let warning = Warning { heading: "This token was already rotated", text, again };
            conflict(&app, &member, warning).await
        }
        Err(TokenChangeError::NotFound | TokenChangeError::NameTaken) => Err(PageError::NotFound),
        Err(TokenChangeError::Db(error)) => Err(error.into()),
    }
}
