//! Page that rotates a token.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use strum::VariantArray as _;

use crate::accounts::kept_form::Prefill;
use crate::base::client_info::ClientInfo;
use crate::base::clock::Timestamp;
use crate::base::random;
use crate::tokens::expiry::{Expiry, GracePeriod};
use crate::tokens::extract::TokenHolder;
use crate::tokens::model::{
    ExpiryChange, IdempotencyKey, ReplacedValues, Rotation, RotationReason, Token, TokenChangeError, TokenOwner,
};
use crate::tokens::pages::expiry_field::ExpiryField;
use crate::tokens::pages::list::{RetryRotation, TokenPath, Warning, conflict, find};
use crate::tokens::pages::reveal::{Reveal, reveal};
use crate::tokens::rotate::rotate;
use crate::tokens::secret::TokenValue;
use crate::tokens::view::TokenView;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::form::Form;
use crate::web::html;
use crate::workspaces::extract::CurrentMember;
use crate::workspaces::layout::{Section, WorkspaceLayout};

#[derive(Template)]
#[template(path = "tokens/rotate.html")]
struct RotatePage {
    layout: WorkspaceLayout,
    row: TokenView,
    grace: GracePeriod,
    expires: ExpiryField,
    form_key: String,
    is_expired: bool,
    /// The expiry of the current value.
    ends_at: Option<Timestamp>,
    now: Timestamp,
    /// Reason why the token was not rotated.
    error: Option<String>,
}

impl RotatePage {
    fn new(app: &AppState, member: &CurrentMember, token: &Token) -> Self {
        let (layout, now) = (WorkspaceLayout::new(member, Section::Tokens), app.clock.now());
        let row = TokenView::new(token, &layout.tokens_path, now);
        Self {
            layout,
            // During a rotation, another one is possible only without a grace period.
            grace: if row.rotation.is_some() { GracePeriod::None } else { GracePeriod::Day },
            expires: ExpiryField::for_rotation(member, token.same_expiry(now)),
            form_key: row.form_key.clone(),
            is_expired: !token.current.is_active_at(now),
            ends_at: token.current.ends_at,
            now,
            error: None,
            row,
        }
    }
}

/// The question before an exposed value is replaced.
#[derive(Template)]
#[template(path = "tokens/expose.html")]
struct ExposePage {
    layout: WorkspaceLayout,
    row: TokenView,
}

impl RotatePage {
    /// The expiry of the old value, if it ends before the grace period.
    fn expiry_before(&self, grace: Duration) -> Option<String> {
        let at = self.ends_at.filter(|at| *at > self.now && *at < self.now + grace)?;
        Some(self.layout.times.end(at))
    }
}

/// Query of the page: `cause=exposed` asks whether to replace an exposed value.
#[derive(serde::Deserialize)]
pub(crate) struct RotateQuery {
    cause: Option<String>,
}

/// `GET /w/{slug}/settings/tokens/{uuid}/rotate`
pub(crate) async fn show(
    app: web::Data<AppState>,
    TokenHolder(member): TokenHolder,
    path: TokenPath,
    prefill: Prefill,
    query: Result<web::Query<RotateQuery>, actix_web::Error>,
) -> Result<HttpResponse, PageError> {
    let token = find(&app, &member, &path).await?;
    if query.is_ok_and(|query| query.cause.as_deref() == Some("exposed")) {
        let layout = WorkspaceLayout::new(&member, Section::Tokens);
        let row = TokenView::new(&token, &layout.tokens_path, app.clock.now());
        return Ok(html::ok(&ExposePage { layout, row }));
    }
    let mut page = RotatePage::new(&app, &member, &token);
    page.layout.flash = prefill.flash();
    if let Some(Ok(grace)) = prefill.form().map(|form| form.text("grace").parse()) {
        page.grace = grace;
    }
    page.expires = page.expires.prefilled(&prefill);
    Ok(html::ok(&page))
}

/// `POST /w/{slug}/settings/tokens/{uuid}/rotate`: responds with the page that shows the new value.
pub(crate) async fn submit(
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
        choice => Expiry::parse(choice, form.text("expires_on"), &member.workspace_times()).map(ExpiryChange::Set),
    };
    let reject = |status: StatusCode, error: Option<String>, expiry_error: Option<String>| {
        let empty = RotatePage::new(&app, &member, &token);
        let grace = form.text("grace").parse().unwrap_or(empty.grace);
        let expires = empty.expires.typed(&form, expiry_error);
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
    let replaced = if form.text("replaced") == "current" { ReplacedValues::Current } else { ReplacedValues::All };
    let rotation = Rotation { replaced, expiry, cause, ..Rotation::to(&value, grace, Some(form_key)) };
    let (owner, uuid, actor) = (TokenOwner::from(&member), token.uuid, member.user.actor(client, now));
    match app.db.write(move |conn| rotate(conn, &owner, &uuid, &rotation, &actor)).await {
        Ok(rotated) => {
            let title = match cause {
                RotationReason::Routine => "Token rotated",
                RotationReason::Exposure => "Exposed value replaced",
            };
            reveal(
                &app,
                &member,
                Reveal::new(title, &value, token.uuid, Some(rotated.old_value.describe(&member.times))),
            )
            .await
        }
        Err(TokenChangeError::RotationInProgress(until)) => {
            let error = format!(
                "This token is already being rotated: its old value works until {}. Stop that value first, or choose “Stop it now” here.",
                member.times.end(until)
            );
            reject(StatusCode::CONFLICT, Some(error), None)
        }
        Err(TokenChangeError::AlreadyRotated(name)) => {
            let text = format!(
                "This form had already rotated “{name}”. The new value was shown once and can’t be shown again."
            );
            // The token as the first request left it.
            let token = find(&app, &member, &path).await?;
            let retry = Some(RetryRotation::new(&member, &token, now));
            let warning = Warning { heading: "This token has already been rotated", text, retry };
            conflict(&app, &member, warning).await
        }
        Err(error) => Err(error.into()),
    }
}
