//! The authenticated caller as an extractor.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, HeaderValue};
use actix_web::{FromRequest, HttpRequest, web};

use crate::auth::authenticator::Authenticator;
use crate::auth::caller::Caller;
use crate::auth::credentials;
use crate::auth::error::AuthError;
use crate::auth::token_cache::CachedIdentity;
use crate::db::DbError;

/// A caller with an active token value. `T` is [`Caller`], or `WorkspaceAccess`, which costs less to look up.
/// A successful extraction counts as a use of the value.
pub struct Authenticated<T = Caller>(pub Arc<T>);

impl<T: CachedIdentity> FromRequest for Authenticated<T> {
    type Error = AuthError;
    type Future = LocalBoxFuture<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let presented = credentials::parse(request.headers().get_all(AUTHORIZATION).map(HeaderValue::as_bytes));
        let authenticator = request.app_data::<web::Data<Authenticator>>().cloned();
        let client = authenticator.as_ref().map(|authenticator| authenticator.client_info(request));
        Box::pin(async move {
            let presented = presented.map_err(AuthError::Rejected)?;
            let (Some(authenticator), Some(client)) = (authenticator, client) else {
                return Err(DbError::Query("no door".to_owned()).into());
            };
            authenticator.authenticate(presented, client).await?.map(Self).map_err(AuthError::Rejected)
        })
    }
}

/// The future of an [`Authenticated`] extractor.
pub type LocalBoxFuture<T> = Pin<Box<dyn Future<Output = Result<T, AuthError>>>>;
