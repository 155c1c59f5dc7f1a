//! The authenticated caller as an extractor.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, HeaderValue};
use actix_web::{FromRequest, HttpRequest, web};

use crate::auth::authenticator::Door;
use crate::auth::caller::Caller;
use crate::auth::credentials;
use crate::auth::error::ApiError;
use crate::auth::token_cache::Behind;
use crate::db::DbError;

/// A caller of the API with a live value, and what the handler asks for of it: who they are, or only the workspace that
/// the value opens, which is quicker told. To be let in is what counts as a use of the value.
pub struct Bearer<T = Caller>(pub Arc<T>);

impl<T: Behind> FromRequest for Bearer<T> {
    type Error = ApiError;
    type Future = Arriving<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let presented = credentials::read(request.headers().get_all(AUTHORIZATION).map(HeaderValue::as_bytes));
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
