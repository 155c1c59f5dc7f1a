//! All URLs of the server in one table. Routes must not be registered elsewhere.

use actix_web::http::header::{CACHE_CONTROL, ContentType, HeaderValue, RETRY_AFTER};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, ResponseError, Route, guard, middleware};

use crate::accounts::pages::{login as account_pages, reset};
use crate::accounts::session_store::{map_session_errors, session_middleware};
use crate::accounts::store as accounts;
use crate::activity::page;
use crate::api::docs::page as api_pages;
use crate::api::v2::users;
use crate::api::{self, forward_auth, introspection};
use crate::db::{DbError, FromDb};
use crate::members::invitations::{accept, pages as invitation_pages};
use crate::members::pages::{list as team_pages, member, remove, revoke, revoke_all, tokens};
use crate::tokens::pages::{create, delete, list as token_pages, overview, rename, retire, rotate, usage_status};
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::{csrf, static_files};
use crate::workspaces::pages::home::redirect_to_workspace;
use crate::workspaces::pages::{account, new, settings, setup};

/// A path and its methods.
pub type RouteEntry = (&'static str, &'static [&'static str]);

macro_rules! method {
    (GET) => {
        methods_guard(&[Method::GET, Method::HEAD])
    };
    (POST) => {
        methods_guard(&[Method::POST])
    };
    (DELETE) => {
        methods_guard(&[Method::DELETE])
    };
    (ANY) => {
        web::route()
    };
}

/// A route for these methods. Unlike actix's method guards, this guard does not record the accepted methods per
/// request: the table below sends its own 405.
fn methods_guard(methods: &'static [Method]) -> Route {
    web::route().guard(guard::fn_guard(|context| methods.contains(&context.head().method)))
}

/// A route for probes, with actix's method guards and its 405.
fn probe_route() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// Defines a list of paths and methods, for tests and documents, and a function that registers them. Each path is
/// registered once per suffix, because a literal path is compared directly and an optional suffix would need a pattern.
macro_rules! routes {
    (
        $list:ident, $serve:ident, $other:path, $suffixes:expr;
        $($path:literal { $($method:ident $handler:path),+ })+
    ) => {
        /// Paths and methods of this part of the table.
        pub const $list: &[RouteEntry] = &[$(($path, &[$(stringify!($method)),+])),+];

        fn $serve(config: &mut ServiceConfig) {
            $(for suffix in $suffixes {
                let allow = allow_header(&[$(stringify!($method)),+]);
                let path = format!("{}{suffix}", $path);
                let resource = web::resource(path)$(.route(Route::to(method!($method), $handler)))+;
                config.service(resource.default_service(web::to(move |request: HttpRequest| {
                    let response = $other(&request, &allow);
                    async move { response }
                })));
            })+
        }
    };
}

routes! { PAGES, serve_pages, other_method, [""];
    "/" { GET redirect_to_workspace }
    "/setup" { GET setup::show, POST setup::submit }
    "/login" { GET account_pages::show, POST account_pages::submit }
    "/logout" { POST account_pages::sign_out }
    "/invitations/{code}" { GET accept::show, POST accept::submit }
    "/reset/{code}" { GET reset::show, POST reset::submit }
    "/account" { GET account::show }
    "/account/name" { GET account::back, POST account::rename }
    "/account/email" { GET account::back, POST account::change_email }
    "/account/password" { GET account::back, POST account::change_password }
    "/account/sessions/end" { GET account::back, POST account::end_other_sessions }
    "/account/sessions/{uuid}/end" { GET account::back, POST account::end_session }
    "/workspaces/new" { GET new::show, POST new::submit }
    "/w/{slug}" { GET overview::show }
    "/w/{slug}/settings" { GET settings::show, POST settings::submit }
    "/w/{slug}/settings/members/invitations" { GET invitation_pages::list, POST invitation_pages::submit }
    "/w/{slug}/settings/members/invitations/{uuid}/revoke" {
        GET invitation_pages::back, POST invitation_pages::submit_revoke
    }
    "/w/{slug}/settings/tokens" { GET token_pages::list, POST create::submit }
    "/w/{slug}/settings/tokens/new" { GET create::show }
    "/w/{slug}/settings/tokens/{uuid}" { GET rename::show, POST rename::submit }
    "/w/{slug}/settings/tokens/{uuid}/use.json" { GET usage_status::show }
    "/w/{slug}/settings/tokens/{uuid}/rotate" { GET rotate::show, POST rotate::submit }
    "/w/{slug}/settings/tokens/{uuid}/retire" { GET retire::show, POST retire::submit }
    "/w/{slug}/settings/tokens/{uuid}/delete" { GET delete::show, POST delete::submit }
    "/w/{slug}/settings/activity" { GET page::show }
    "/w/{slug}/settings/members" { GET team_pages::list }
    "/w/{slug}/settings/members/tokens" { GET tokens::list }
    "/w/{slug}/settings/members/tokens/{uuid}/revoke" { GET revoke::show, POST revoke::submit }
    "/w/{slug}/settings/members/{member}" { GET member::show, POST member::submit }
    "/w/{slug}/settings/members/{member}/remove" { GET remove::show, POST remove::submit }
    "/w/{slug}/settings/members/{member}/revoke" { GET revoke_all::show, POST revoke_all::submit }
}

routes! { API, serve_api, api::other_method, ["", "/"];
    "/api/v2/workspace.json" { GET api::v2::workspace::workspace }
    "/api/v2/org.json" { GET api::v2::workspace::workspace }
    "/api/v2/users.json" { GET users::users }
    "/api/v2/token.json" { GET api::v2::token::token, DELETE api::v2::token::delete_token }
    "/api/v2/.json" { GET api_pages::index }
    "/api/v2/openapi.json" { GET api_pages::openapi }
}

routes! { API_PAGES, serve_api_pages, api::other_method, ["", "/"];
    "/api" { GET api_pages::reference }
    "/api/v2" { GET api_pages::reference }
}

routes! { GATEWAY, serve_gateway, api::other_method, ["", "/"];
    "/auth/verify" { ANY forward_auth::verify }
    "/oauth2/introspect" { POST introspection::introspect }
}

/// Registers all routes. Pages have a session and accept forms from the same origin only; the API has neither.
pub fn serve(config: &mut ServiceConfig, app: &AppState, site_key: &[u8], static_folder: &std::path::Path) {
    let files = actix_files::Files::new("", static_folder).use_last_modified(false);
    let static_files = web::scope(&format!("/static/{}", static_files::hash()))
        .wrap(middleware::from_fn(static_files::cache_immutable))
        // Only static files are compressed: some pages contain a secret (BREACH).
        .wrap(middleware::Compress::default())
        .service(files.default_handler(web::to(async || PageError::NotFound.error_response())));
    config
        .service(web::resource("/healthz").route(probe_route().to(async || plain(StatusCode::OK, "ok\n"))))
        .service(web::resource("/readyz").route(probe_route().to(ready)))
        .service(static_files)
        .configure(serve_api)
        .configure(serve_api_pages)
        .configure(serve_gateway)
        .service(web::scope("/api").default_service(web::to(api::not_found)))
        .service(web::scope("/auth").default_service(web::to(api::not_found)))
        .service(web::scope("/oauth2").default_service(web::to(api::not_found)))
        .service(
            web::scope("")
                .wrap(session_middleware(app, site_key))
                .wrap(middleware::from_fn(map_session_errors))
                .wrap(middleware::from_fn(csrf::same_origin))
                .configure(serve_pages)
                .default_service(web::to(async || PageError::NotFound.error_response())),
        );
}

async fn ready(app: web::Data<AppState>) -> Result<HttpResponse, ReadinessError> {
    if app.db.is_ready().await {
        return Ok(plain(StatusCode::OK, "ready\n"));
    }
    // A query of the application returns the cause; if it succeeds, a migration is missing.
    app.db.read(accounts::has_users).await?;
    Err(ReadinessError::NotMigrated)
}

/// The reasons why `/readyz` returns 503. The endpoint is public, so details go to the log only.
#[derive(Debug, thiserror::Error)]
enum ReadinessError {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error("the database lacks a migration of this program: run latchkey migrate")]
    NotMigrated,
}

impl FromDb for ReadinessError {
    fn as_db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) => Some(error),
            Self::NotMigrated => None,
        }
    }
}

impl ResponseError for ReadinessError {
    fn error_response(&self) -> HttpResponse {
        let line = match self {
            Self::Db(DbError::Unavailable(_)) => "the database does not answer\n",
            Self::Db(DbError::UniqueViolation(_) | DbError::Query(_)) => "the database refuses a query\n",
            Self::NotMigrated => "the database is not migrated\n",
        };
        let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, line);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        response
    }

    fn status_code(&self) -> StatusCode {
        StatusCode::SERVICE_UNAVAILABLE
    }
}

/// A line of text for probes, not cacheable.
fn plain(status: StatusCode, line: &'static str) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header(ContentType::plaintext())
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(line)
}

fn other_method(_: &HttpRequest, allow: &str) -> HttpResponse {
    PageError::Method(allow.to_owned()).error_response()
}

fn allow_header(methods: &[&str]) -> String {
    methods.iter().map(|method| if *method == "GET" { "GET, HEAD" } else { method }).collect::<Vec<_>>().join(", ")
}
