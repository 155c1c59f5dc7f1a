//! All URLs of the server in one table. Routes must not be registered elsewhere.

use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, ResponseError, Route, guard, middleware};

use crate::accounts::keep_form::{TypedForm, keep_form};
use crate::accounts::pages::login as account_pages;
use crate::accounts::session_store::{map_session_errors, session_middleware};
use crate::activity::{page, token_page, usage_csv, usage_fragment, usage_page};
use crate::api::docs::page as api_pages;
use crate::api::v2::users;
use crate::api::{self, forward_auth, introspection};
use crate::health;
use crate::members::invitations::{accept, pages as invitation_pages};
use crate::members::pages::{
    email, member, members, remove, reset as member_reset, revoke, revoke_all, revoke_selected, tokens,
};
use crate::tokens::pages::{
    checklist, create, delete, deleted, list as token_pages, overview, rename, retire, rotate, usage_status,
};
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::{csrf, html, static_files};
use crate::workspaces::pages::home::redirect_to_workspace;
use crate::workspaces::pages::refusal::keep_menu;
use crate::workspaces::pages::{account, list as workspace_list, new, reset, settings, setup, time_zone};

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
    "/account/time-zone" { GET account::back, POST time_zone::submit }
    "/account/sessions/end" { GET account::back, POST account::end_other_sessions }
    "/account/sessions/{uuid}/end" { GET account::back, POST account::end_session }
    "/workspaces" { GET workspace_list::show }
    "/workspaces/new" { GET new::show, POST new::submit }
    "/w/{slug}" { GET overview::show }
    "/w/{slug}/checklist" { GET checklist::back, POST checklist::hide }
    "/w/{slug}/settings" { GET settings::show, POST settings::submit }
    "/w/{slug}/settings/members/invitations" { GET invitation_pages::list, POST invitation_pages::submit }
    "/w/{slug}/settings/members/invitations/{uuid}/revoke" {
        GET invitation_pages::back, POST invitation_pages::submit_revoke
    }
    "/w/{slug}/settings/tokens" { GET token_pages::list, POST create::submit }
    "/w/{slug}/settings/tokens/new" { GET create::show }
    "/w/{slug}/settings/tokens/deleted" { GET deleted::own }
    "/w/{slug}/settings/tokens/{uuid}" { GET token_page::show, POST rename::submit }
    "/w/{slug}/settings/tokens/{uuid}/rename" { GET rename::show }
    "/w/{slug}/settings/tokens/{uuid}/note" { GET token_page::back, POST token_page::submit_note }
    "/w/{slug}/settings/tokens/{uuid}/usage.csv" { GET usage_csv::show }
    "/w/{slug}/settings/tokens/{uuid}/usage.html" { GET usage_fragment::show }
    "/w/{slug}/settings/tokens/{uuid}/use.json" { GET usage_status::show }
    "/w/{slug}/settings/tokens/{uuid}/rotate" { GET rotate::show, POST rotate::submit }
    "/w/{slug}/settings/tokens/{uuid}/retire" { GET retire::show, POST retire::submit }
    "/w/{slug}/settings/tokens/{uuid}/delete" { GET delete::show, POST delete::submit }
    "/w/{slug}/settings/activity" { GET page::show }
    "/w/{slug}/settings/usage" { GET usage_page::show }
    "/w/{slug}/settings/members" { GET members::list }
    "/w/{slug}/settings/members/tokens" { GET tokens::list }
    "/w/{slug}/settings/members/tokens/deleted" { GET deleted::of_workspace }
    "/w/{slug}/settings/members/tokens/revoke" { GET revoke_selected::show, POST revoke_selected::submit }
    "/w/{slug}/settings/members/tokens/{uuid}/revoke" { GET revoke::show, POST revoke::submit }
    "/w/{slug}/settings/members/{member}" { GET member::show, POST member::submit }
    "/w/{slug}/settings/members/{member}/email" { GET member::back, POST email::submit }
    "/w/{slug}/settings/members/{member}/reset" { GET member::back, POST member_reset::submit }
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

/// The forms that users type into. Their input is kept if the session has ended.
const TYPED_FORMS: &[TypedForm] = &[
    TypedForm { action: "/account/name", page: "/account", fields: &["name"] },
    TypedForm { action: "/account/email", page: "/account", fields: &["email"] },
    TypedForm { action: "/workspaces/new", page: "/workspaces/new", fields: &["name", "kind", "slug"] },
    TypedForm {
        action: "/w/{slug}/settings",
        page: "/w/{slug}/settings",
        fields: &["name", "kind", "country", "languages", "timezone", "date_style"],
    },
    TypedForm {
        action: "/w/{slug}/settings/members/invitations",
        page: "/w/{slug}/settings/members/invitations",
        fields: &["role", "email", "note"],
    },
    TypedForm {
        action: "/w/{slug}/settings/tokens",
        page: "/w/{slug}/settings/tokens/new",
        fields: &["name", "expiry", "expires_on"],
    },
    TypedForm {
        action: "/w/{slug}/settings/tokens/{uuid}",
        page: "/w/{slug}/settings/tokens/{uuid}/rename",
        fields: &["name"],
    },
    TypedForm {
        action: "/w/{slug}/settings/tokens/{uuid}/note",
        page: "/w/{slug}/settings/tokens/{uuid}",
        fields: &["note"],
    },
    TypedForm {
        action: "/w/{slug}/settings/tokens/{uuid}/rotate",
        page: "/w/{slug}/settings/tokens/{uuid}/rotate",
        fields: &["grace", "expiry", "expires_on"],
    },
    TypedForm {
        action: "/w/{slug}/settings/members/{member}",
        page: "/w/{slug}/settings/members/{member}",
        fields: &["role"],
    },
    TypedForm {
        action: "/w/{slug}/settings/members/{member}/email",
        page: "/w/{slug}/settings/members/{member}",
        fields: &["email"],
    },
];

/// Registers all routes. Pages have a session and accept forms from the same origin only; the API has neither.
pub fn serve(config: &mut ServiceConfig, app: &AppState, site_key: &[u8], static_folder: &std::path::Path) {
    let files = actix_files::Files::new("", static_folder).use_last_modified(false);
    let static_files = web::scope(&format!("/static/{}", static_files::hash()))
        .wrap(middleware::from_fn(static_files::cache_immutable))
        // Only static files are compressed: some pages contain a secret (BREACH).
        .wrap(middleware::Compress::default())
        .service(files.default_handler(web::to(async || PageError::NotFound.error_response())));
    config
        .service(web::resource("/healthz").route(probe_route().to(health::healthz)))
        .service(web::resource("/readyz").route(probe_route().to(health::readyz)))
        .service(static_files)
        .configure(serve_api)
        .configure(serve_api_pages)
        .configure(serve_gateway)
        .service(web::scope("/api").default_service(web::to(api::not_found)))
        .service(web::scope("/auth").default_service(web::to(api::not_found)))
        .service(web::scope("/oauth2").default_service(web::to(api::not_found)))
        .service(
            web::scope("")
                .wrap(middleware::from_fn(keep_menu))
                .wrap(middleware::from_fn(|request, next: middleware::Next<_>| keep_form(TYPED_FORMS, request, next)))
                .wrap(session_middleware(app, site_key))
                .wrap(middleware::from_fn(map_session_errors))
                .wrap(middleware::from_fn(csrf::same_origin))
                .configure(serve_pages)
                .default_service(web::to(unknown_page)),
        );
}

/// Redirects a path with a slash at its end to the page without it. 404 if there is no such page.
async fn unknown_page(request: HttpRequest) -> Result<HttpResponse, PageError> {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    match request.path().strip_suffix('/').filter(|path| is_read && is_page(&request, path)) {
        Some(path) if request.query_string().is_empty() => Ok(html::redirect(path)),
        Some(path) => Ok(html::redirect(&format!("{path}?{}", request.query_string()))),
        None => Err(PageError::NotFound),
    }
}

fn is_page(request: &HttpRequest, path: &str) -> bool {
    let pattern = request.resource_map().match_pattern(path);
    pattern.is_some_and(|pattern| PAGES.iter().any(|(page, _)| *page == pattern))
}

fn other_method(_: &HttpRequest, allow: &str) -> HttpResponse {
    PageError::Method(allow.to_owned()).error_response()
}

fn allow_header(methods: &[&str]) -> String {
    methods.iter().map(|method| if *method == "GET" { "GET, HEAD" } else { method }).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_field_with_a_secret_is_kept() {
        for form in TYPED_FORMS {
            for field in form.fields {
                let is_secret =
                    ["password", "value", "token", "key", "code", "reader"].iter().any(|it| field.contains(it));
                assert!(!is_secret, "{field} of {}", form.action);
            }
            assert!(
                PAGES.iter().any(|(path, methods)| *path == form.action && methods.contains(&"POST")),
                "{}",
                form.action
            );
            assert!(
                PAGES.iter().any(|(path, methods)| *path == form.page && methods.contains(&"GET")),
                "{}",
                form.page
            );
        }
    }
}
