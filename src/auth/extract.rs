//! The authenticated caller as an extractor. A successful extraction counts as a use of the value.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, HeaderValue};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, web};

use crate::auth::authenticator::Authenticator;
use crate::auth::caller::{Caller, WorkspaceAccess};
use crate::auth::credentials::{self, Credentials};
use crate::auth::error::AuthError;
use crate::base::client_info::ClientInfo;
use crate::base::id::PublicId;
use crate::db::DbError;
use crate::workspaces::model::Workspace;

/// The future of an extractor.
pub(crate) type LocalBoxFuture<T, E> = Pin<Box<dyn Future<Output = Result<T, E>>>>;

/// The caller with an active token value.
pub(crate) struct AuthenticatedCaller(pub Arc<Caller>);

/// The workspace of an active token value. It costs less to look up than the caller.
pub(crate) struct AuthenticatedWorkspace(pub Arc<WorkspaceAccess>);

impl FromRequest for AuthenticatedCaller {
    type Error = AuthError;
    type Future = LocalBoxFuture<Self, AuthError>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let attempt = Attempt::from_request(request);
        Box::pin(async move { attempt?.caller().await.map(Self) })
    }
}

impl FromRequest for AuthenticatedWorkspace {
    type Error = AuthError;
    type Future = LocalBoxFuture<Self, AuthError>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let attempt = Attempt::from_request(request);
        Box::pin(async move { attempt?.workspace().await.map(Self) })
    }
}

impl AsRef<Workspace> for AuthenticatedCaller {
    fn as_ref(&self) -> &Workspace {
        &self.0.workspace
    }
}

impl AsRef<Workspace> for AuthenticatedWorkspace {
    fn as_ref(&self) -> &Workspace {
        &self.0.workspace
    }
}

/// The inputs of an authentication.
struct Attempt {
    authenticator: web::Data<Authenticator>,
    credentials: Credentials,
    client: ClientInfo,
    /// The request, if its token is noted.
    noted: Option<HttpRequest>,
}

/// The token of a request, in the extensions of the request, for the access log.
pub(crate) struct NotedToken(pub PublicId);

impl Attempt {
    fn from_request(request: &HttpRequest) -> Result<Self, AuthError> {
        let headers = request.headers().get_all(AUTHORIZATION).map(HeaderValue::as_bytes);
        let credentials = credentials::parse(headers)?;
        let authenticator = request.app_data::<web::Data<Authenticator>>().cloned();
        let authenticator =
            authenticator.ok_or_else(|| DbError::Query("the server has no authenticator".to_owned()))?;
        let client = authenticator.client_info(request);
        let noted = authenticator.notes_tokens().then(|| request.clone());
        Ok(Self { authenticator, credentials, client, noted })
    }

    async fn caller(self) -> Result<Arc<Caller>, AuthError> {
        let caller = self.authenticator.authenticate_caller(&self.credentials, self.client).await?;
        if let Some(request) = self.noted {
            request.extensions_mut().insert(NotedToken(caller.uuid));
        }
        Ok(caller)
    }

    async fn workspace(self) -> Result<Arc<WorkspaceAccess>, AuthError> {
        if self.noted.is_some() {
            return Ok(WorkspaceAccess::new(&self.caller().await?.workspace));
        }
        self.authenticator.authenticate_workspace(&self.credentials, self.client).await
    }
}
