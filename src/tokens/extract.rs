//! The extractor of the token pages: [`TokenHolder`].

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

use crate::web::error::PageError;
use crate::web::html::Message;
use crate::workspaces::extract::CurrentMember;

/// A signed-in member whose role can have tokens. Other roles get a 403 page.
pub(crate) struct TokenHolder(pub CurrentMember);

impl FromRequest for TokenHolder {
    type Error = PageError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, PageError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let member = CurrentMember::from_request(request, payload);
        Box::pin(async move {
            let member = member.await?;
            if member.role.can_have_tokens() {
                return Ok(Self(member));
            }
            Err(PageError::Forbidden(
                Message::new("Agents can’t have API tokens", "Your role in {name} is Agent. Only administrators and editors can have API tokens. If you need one, ask an administrator to change your role.")
                    .with_name(member.workspace.profile.name.as_str())
                    .with_link(format!("/w/{}", member.workspace.slug), "Back to the workspace"),
            ))
        })
    }
}
