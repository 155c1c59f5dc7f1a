//! Builds and runs the HTTP server: shared state, middleware, periodic jobs, and shutdown with a final flush.

use std::future::ready;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix_http::HttpService;
use actix_http::error::DispatchError;
use actix_service::{ServiceFactoryExt as _, fn_service, map_config};
use actix_web::dev::AppConfig;
use actix_web::rt::net::TcpStream;
use actix_web::{App as Actix, HttpMessage as _, middleware, web};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::accounts::kept_form::KeptFormKey;
use crate::accounts::password_hasher::PasswordHasher;
use crate::accounts::services::{AccountServices, MAX_DELAYED_RESPONSES};
use crate::accounts::site_settings;
use crate::activity::model::EventRetentionDays;
use crate::api::forward_auth::AnyWorkspace;
use crate::api::introspection::IntrospectionClients;
use crate::api::rate_limit::RateLimiter;
use crate::auth::authenticator::Authenticator;
use crate::auth::extract::NotedToken;
use crate::auth::token_cache::TokenCache;
use crate::background::BackgroundJobs;
use crate::base::clock::Clock;
use crate::base::random;
use crate::config::{ConfigError, ServerArgs};
use crate::db::{Db, DbError};
use crate::health::BackupCheck;
use crate::routes;
use crate::tokens::attention;
use crate::usage::UsageRecorder;
use crate::web::app_state::{AppState, SiteConfig};
use crate::web::connection_stream::ConnectionStream;
use crate::web::connections::{ConnectionLimits, Connections};
use crate::web::{client_info, redact, request_log, static_files};
use crate::workspaces::menu_mark::MenuMark;
use crate::workspaces::setup;

/// Timeout for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Timeout for idle connections; longer than the usual timeout of a proxy, so that the proxy closes first.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Timeout for a client to close its side of a connection.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Bytes that the connections of the process hold before idle ones are closed.
const MAX_CONNECTION_BYTES: usize = 32 * 1024 * 1024;

/// Log target of the access log, for filters in `LATCHKEY_LOG`.
const ACCESS_LOG: &str = "latchkey::access";

/// Time for running requests to finish after a stop.
const DRAIN_SECONDS: u64 = 20;

/// Arguments of [`Server::start`].
pub struct ServerOptions {
    /// Address, public URL and limits.
    pub settings: ServerArgs,
    /// Folder for the server's files.
    pub data_dir: PathBuf,
    /// A migrated database.
    pub db: Db,
    /// Source of the current time.
    pub clock: Clock,
    pub passwords: PasswordHasher,
    /// Whether SIGINT and SIGTERM stop the server.
    pub stop_on_signals: bool,
}

/// Errors of starting or running a server.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings are invalid or contradict each other.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The address is in use or not available on this machine.
    #[error("can't listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// Writing the static files failed.
    #[error("can't write to the data folder {0}: {1}")]
    Files(PathBuf, std::io::Error),
    #[error(transparent)]
    Db(#[from] DbError),
    /// The HTTP server failed.
    #[error("the server failed: {0}")]
    Run(std::io::Error),
}

/// A server that is bound to its address; [`Server::run`] serves requests.
pub struct Server {
    /// The bound address.
    pub address: SocketAddr,
    /// The absolute URL of the setup page while there is no user. It is a secret: print it, never log it.
    pub setup_url: Option<String>,
    /// The public origin.
    pub public_url: String,
    running: actix_web::dev::Server,
    usage: UsageRecorder,
    db: Db,
    clock: Clock,
    event_retention: Duration,
}

impl Server {
    /// Binds the address and prepares the server. Must be called within an actix system.
    pub fn start(options: ServerOptions) -> Result<Self, StartError> {
        let ServerOptions { settings, data_dir, db, clock, passwords, stop_on_signals } = options;
        let listener =
            TcpListener::bind(settings.listen).map_err(|error| StartError::Listen(settings.listen, error))?;
        let address = listener.local_addr().map_err(|error| StartError::Listen(settings.listen, error))?;
        let public_url = settings.public_url(address)?;
        let clients = web::Data::new(IntrospectionClients::new(settings.introspection_secrets()?));
        let rate = settings.api_rate.map(|rate| web::Data::new(RateLimiter::new(rate.count, rate.period)));
        let any_workspace = web::Data::new(AnyWorkspace(settings.gateway_any_workspace));
        let (event_retention, retention_days) =
            (settings.events_kept(), web::Data::new(EventRetentionDays(settings.keep_events)));
        let static_folder =
            static_files::write_to_disk(&data_dir).map_err(|error| StartError::Files(data_dir, error))?;
        let site_key = db.write_blocking(|conn| {
            let site_key = site_settings::cookie_secret(conn, &mut random::os_rng())?;
            site_settings::store_public_url(conn, &public_url)?;
            Ok::<_, DbError>(site_key)
        })?;
        let setup_path = setup::new_link(&db, clock.now(), &mut random::os_rng())?;

        let server_clock = clock.clone();
        let app = AppState {
            db: db.clone(),
            clock,
            site: Arc::new(SiteConfig { public_url: public_url.clone(), trusted_proxies: settings.trusted_proxies }),
        };
        let usage = UsageRecorder::default();
        let backup_check = web::Data::new(BackupCheck::default());
        let menu_mark = web::Data::new(MenuMark(attention::is_needed));
        let (app_data, usage_data) = (web::Data::new(app.clone()), web::Data::new(usage.clone()));
        let has_access_log = log::log_enabled!(target: ACCESS_LOG, log::Level::Info);
        let token_cache = TokenCache::default();
        let form_key = web::Data::new(KeptFormKey::new(&site_key));
        // A delayed response holds its connection, which must leave room for those of others.
        let max_delayed = MAX_DELAYED_RESPONSES.min(raise_open_files_limit() / 12);
        let accounts_data = web::Data::new(AccountServices::new(passwords, &site_key, max_delayed));
        let new_app = move || {
            Actix::new()
                .app_data(app_data.clone())
                .app_data(usage_data.clone())
                .app_data(web::Data::new(Authenticator::new(
                    &app,
                    UsageRecorder::clone(&usage_data),
                    token_cache.clone(),
                    has_access_log,
                )))
                .app_data(accounts_data.clone())
                .app_data(clients.clone())
                .app_data(any_workspace.clone())
                .app_data(retention_days.clone())
                .app_data(backup_check.clone())
                .app_data(menu_mark.clone())
                .app_data(form_key.clone())
                .configure(|config| {
                    if let Some(rate) = &rate {
                        config.app_data(rate.clone());
                    }
                    routes::serve(config, &app, &site_key, &static_folder);
                })
                // The last middleware sees a request first.
                .wrap(middleware::from_fn(request_log::finalize))
                .wrap(middleware::Condition::new(has_access_log, access_log()))
        };
        let workers = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let server = actix_server::Server::build().workers(workers).shutdown_timeout(DRAIN_SECONDS);
        let server = if stop_on_signals { server } else { server.disable_signals() };
        let (draining, limits) = (server.graceful_shutdown_signal(), connection_limits(workers));
        // The same as `HttpServer`, except that connections are limited.
        let server = server.listen("http", listener, move || {
            let (connections, draining) = (Connections::start(limits), draining.clone());
            let http = HttpService::build()
                .graceful_shutdown_signal(move || {
                    let draining = draining.clone();
                    async move { draining.notified().await }
                })
                .client_request_timeout(HEAD_TIMEOUT)
                .client_disconnect_timeout(DISCONNECT_TIMEOUT)
                .keep_alive(KEEP_ALIVE)
                .local_addr(address)
                .on_connect_ext(|stream: &ConnectionStream, data| {
                    data.insert(stream.connection());
                })
                .h1(map_config(new_app(), |()| AppConfig::default()));
            fn_service(move |tcp: TcpStream| {
                // A client that has already left has no address.
                let peer = tcp.peer_addr().ok();
                // A refused connection is closed before anything is allocated for it.
                let stream = connections.add().map(|connection| ConnectionStream::new(tcp, connection));
                ready(stream.map(|stream| (stream, peer)).ok_or(DispatchError::DisconnectTimeout))
            })
            .and_then(http)
        });
        let running = server.map_err(|error| StartError::Listen(address, error))?.run();
        Ok(Self {
            address,
            setup_url: setup_path.map(|path| public_url.join(&path)),
            public_url: public_url.origin(),
            running,
            usage,
            db,
            clock: server_clock,
            event_retention,
        })
    }

    /// A handle that can stop the server from another task or thread.
    #[must_use]
    pub fn handle(&self) -> actix_web::dev::ServerHandle {
        self.running.handle()
    }

    /// The buffer of token use that is not yet in the database.
    #[must_use]
    pub fn uses(&self) -> UsageRecorder {
        self.usage.clone()
    }

    /// Serves until stopped, then flushes buffered token use.
    pub async fn run(self) -> Result<(), StartError> {
        let Self { running, usage, db, clock, event_retention, .. } = self;
        let jobs = BackgroundJobs::start(db, clock, usage, event_retention);
        let result = running.await;
        jobs.stop().await;
        log::info!("stopped");
        result.map_err(StartError::Run)
    }
}

/// The limits of each of `workers` workers.
fn connection_limits(workers: usize) -> ConnectionLimits {
    ConnectionLimits {
        held_bytes: MAX_CONNECTION_BYTES / workers,
        connections: raise_open_files_limit() / 3 / workers,
        head_timeout: HEAD_TIMEOUT,
        idle_timeout: KEEP_ALIVE,
    }
}

/// Raises the limit of open files to the maximum that is allowed without privileges. Returns the limit.
fn raise_open_files_limit() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let limit = if raised.is_ok() { maximum } else { current };
    limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX)
}

/// One line per request: id, client, method, path without query and secret codes, status, bytes, milliseconds, and the uuid of
/// the token or a hyphen.
fn access_log() -> middleware::Logger {
    middleware::Logger::new("%{x-request-id}o %{client}xi %{method}xi %{path}xi %s %b %D ms %{token}xo")
        .custom_request_replace("path", |request| redact::redact_url(request.path()).into_owned())
        .custom_request_replace("client", |request| {
            let app = request.app_data::<web::Data<AppState>>();
            app.map_or_else(|| "-".to_owned(), |app| client_info::request_ip(request.head(), app).to_string())
        })
        .custom_request_replace("method", |request| request.method().to_string())
        .custom_response_replace("token", |response| {
            let extensions = response.request().extensions();
            extensions.get::<NotedToken>().map_or_else(|| "-".to_owned(), |token| token.0.to_string())
        })
        .log_target(ACCESS_LOG)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use actix_web::test::{TestRequest, call_service, init_service};

    use super::*;

    /// The lines of the access log.
    #[derive(Default)]
    struct AccessLines(Mutex<Vec<String>>);

    impl log::Log for AccessLines {
        fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
            metadata.target() == ACCESS_LOG
        }
        fn log(&self, record: &log::Record<'_>) {
            if self.enabled(record.metadata()) {
                self.0.lock().unwrap().push(record.args().to_string());
            }
        }
        fn flush(&self) {}
    }

    #[actix_web::test]
    async fn the_access_log_shows_the_path_without_codes_and_queries() {
        static LINES: AccessLines = AccessLines(Mutex::new(Vec::new()));
        log::set_logger(&LINES).unwrap();
        log::set_max_level(log::LevelFilter::Info);
        let app = init_service(Actix::new().wrap(access_log())).await;
        let code = "0123456789abcdefABCDEF0123456789";
        for path in [
            format!("/invitations/{code}"),
            format!("/reset/{code}?x=y"),
            format!("/setup?code={code}"),
            format!("/api/v2/{code}{code}"),
            "/reset/short".to_owned(),
            "/w/acme".to_owned(),
        ] {
            drop(call_service(&app, TestRequest::get().uri(&path).to_request()).await);
        }
        let lines = LINES.0.lock().unwrap();
        let shown: Vec<&str> = lines.iter().filter_map(|line| line.split(' ').nth(3)).collect();
        assert_eq!(shown, ["/invitations/…", "/reset/…", "/setup", "/api/v2/…", "/reset/…", "/w/acme"], "{lines:?}");
        assert!(!lines.concat().contains(&code[..8]), "{lines:?}");
    }
}
