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

/// A caller of the API with a live value, and what the handler asks for of it: who they are, or only the workspace that
/// the value opens, which is quicker told. To be let in is what counts as a use of the value.
pub struct Authenticated<T = Caller>(pub Arc<T>);

impl<T: CachedIdentity> FromRequest for Authenticated<T> {
    type Error = AuthError;
    type Future = LocalBoxFuture<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let presented = credentials::parse(request.headers().get_all(AUTHORIZATION).map(HeaderValue::as_bytes));
        let door = request.app_data::<web::Data<Authenticator>>().cloned();
        let client = door.as_ref().map(|door| door.client_info(request));
        Box::pin(async move {
            let presented = presented.map_err(AuthError::Rejected)?;
            let (Some(door), Some(client)) = (door, client) else {
                return Err(DbError::Query("no door".to_owned()).into());
            };
            door.authenticate(presented, client).await?.map(Self).map_err(AuthError::Rejected)
        })
    }
}

/// The future of a [`Bearer`].
pub type LocalBoxFuture<B> = Pin<Box<dyn Future<Output = Result<B, AuthError>>>>;
