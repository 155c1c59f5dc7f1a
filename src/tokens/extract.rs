//! The callers of tokens' pages and of the API: [`Holder`] and [`Bearer`].

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL, HeaderValue, VARY, WWW_AUTHENTICATE};
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError, web};

use super::door::Door;
use super::passes::Behind;
use super::verify::{self, Caller, Reason, Refusal, Style};
use crate::kernel::db::{DbError, FromDb};
use crate::kernel::error::PageError;
use crate::kernel::web::api::{self, Problem};
use crate::kernel::web::headers::{BY_AUTHORIZATION, NO_STORE};
use crate::kernel::web::page::Notice;
use crate::workspaces::extract::Member;

/// A signed-in member with a role that has tokens.
pub struct Holder(pub Member);

impl FromRequest for Holder {
    type Error = PageError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, PageError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let member = Member::from_request(request, payload);
        Box::pin(async move {
            let member = member.await?;
            if member.role.has_tokens() {
                return Ok(Self(member));
            }
            let workspace = member.workspace.profile.name.as_str();
            Err(PageError::Forbidden(
                Notice::new("Agents have no API tokens", format!("Your role in {workspace} is Agent, and tokens are for administrators and editors. If you need one, ask an administrator of {workspace} to change your role."))
                    .with_way_on(format!("/w/{}", member.workspace.slug), "Back to the workspace"),
            ))
        })
    }
}

/// A caller of the API with a live value, and what the handler asks for of it: who they are, or only the workspace that
/// the value opens, which is quicker told. To be let in is what counts as a use of the value.
pub struct Bearer<T = Caller>(pub Arc<T>);

/// Why a caller of the API is turned away.
#[derive(Debug)]
pub enum ApiError {
    /// By our decision.
    Refused(Refusal),
    /// The database could not be asked.
    Db(DbError),
}

impl From<DbError> for ApiError {
    fn from(error: DbError) -> Self {
        Self::Db(error)
    }
}

impl FromDb for ApiError {
    fn as_db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) => Some(error),
            Self::Refused(_) => None,
        }
    }
}

impl<T: Behind> FromRequest for Bearer<T> {
    type Error = ApiError;
    type Future = Arriving<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let presented = verify::read(request.headers().get_all(AUTHORIZATION).map(HeaderValue::as_bytes));
        let door = request.app_data::<web::Data<Door>>().cloned();
        let client = door.as_ref().map(|door| door.client(request));
        Box::pin(async move {
            let presented = presented.map_err(ApiError::Refused)?;
            let (Some(door), Some(client)) = (door, client) else {
                return Err(DbError::Failed("no door".to_owned()).into());
            };
            door.enter(presented, client).await?.map(Self).map_err(ApiError::Refused)
        })
    }
}

/// The future of a [`Bearer`].
pub type Arriving<B> = Pin<Box<dyn Future<Output = Result<B, ApiError>>>>;

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => write!(f, "refused: {:?}", refusal.reason),
            Self::Db(error) => fmt::Display::fmt(error, f),
        }
    }
}

const PERMISSION: &str = "You do not have permission to perform this action.";

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Refused(Refusal { style, reason }) => match (reason, style) {
                (Reason::Twice, _) => StatusCode::BAD_REQUEST,
                (Reason::NoValue | Reason::Spaces | Reason::NotText | Reason::NotBase64, Style::Bearer) => {
                    StatusCode::BAD_REQUEST
                }
                (Reason::Missing | Reason::Unknown | Reason::Ended(..) | Reason::OtherEmail, Style::Bearer) => {
                    StatusCode::UNAUTHORIZED
                }
                (Reason::Role, _) | (_, Style::Token | Style::Basic) => StatusCode::FORBIDDEN,
            },
            Self::Db(DbError::Unavailable(_)) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Db(DbError::Taken(_) | DbError::Failed(_)) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        match self {
            Self::Refused(Refusal { style, reason }) => {
                let detail = detail(*style, reason);
                match style {
                    Style::Token | Style::Basic => api::problem(self.status_code(), detail),
                    Style::Bearer => challenge(self.status_code(), detail, reason),
                }
            }
            Self::Db(DbError::Unavailable(_)) => api::unavailable(),
            Self::Db(DbError::Taken(_) | DbError::Failed(_)) => HttpResponse::new(self.status_code()),
        }
    }
}

/// The words that RapidPro's clients know.
fn detail(style: Style, reason: &Reason) -> &'static str {
    match (reason, style) {
        (Reason::Missing, _) => "Authentication credentials were not provided.",
        (Reason::NoValue, Style::Basic) => "Invalid basic header. No credentials provided.",
        (Reason::Spaces, Style::Basic) => "Invalid basic header. Credentials string should not contain spaces.",
        (Reason::NotBase64 | Reason::NotText, Style::Basic) => {
            "Invalid basic header. Credentials not correctly base64 encoded."
        }
        (Reason::NoValue, Style::Bearer | Style::Token) => "Invalid token header. No credentials provided.",
        (Reason::Spaces, Style::Bearer | Style::Token) => {
            "Invalid token header. Token string should not contain spaces."
        }
        (Reason::NotText | Reason::NotBase64, Style::Bearer | Style::Token) => {
            "Invalid token header. Token string should not contain invalid characters."
        }
        (Reason::Twice, _) => "Send one Authorization header, not several.",
        (Reason::Unknown | Reason::Ended(..), _) => "Invalid token",
        (Reason::OtherEmail, _) => "Invalid token or email",
        (Reason::Role, _) => PERMISSION,
    }
}

/// An answer in the style of RFC 6750, section 3.
fn challenge(status: StatusCode, detail: &str, reason: &Reason) -> HttpResponse {
    const REALM: &str = "Bearer realm=\"latchkey\"";
    let with = |error: &'static str, description: &str| {
        (Some(error), format!("{REALM}, error=\"{error}\", error_description=\"{description}\""))
    };
    let (error, header) = match reason {
        Reason::Missing => (None, REALM.to_owned()),
        Reason::NoValue | Reason::Spaces | Reason::NotText | Reason::NotBase64 | Reason::Twice => {
            with("invalid_request", detail.trim_end_matches('.'))
        }
        Reason::Unknown | Reason::OtherEmail => with("invalid_token", detail),
        Reason::Ended(end, at, _) => {
            let (what, how) = match end {
                Some(verify::End::Deleted) => ("token", "was deleted"),
                Some(verify::End::Retired | verify::End::Exposed) => ("value", "was retired"),
                None => ("token", "expired"),
            };
            with("invalid_token", &format!("The {what} {how} on {at}"))
        }
        Reason::Role => with("insufficient_scope", detail.trim_end_matches('.')),
    };
    HttpResponse::build(status)
        .insert_header((WWW_AUTHENTICATE, header))
        .insert_header((CACHE_CONTROL, NO_STORE))
        .insert_header((VARY, BY_AUTHORIZATION))
        .json(Problem { detail, error })
}
