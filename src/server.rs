//! Builds and runs the HTTP server: shared state, middleware, background tasks, and shutdown with a final flush.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use actix_web::{App as Actix, HttpServer, middleware, rt, web};

use crate::accounts::one_time_links::store as links;
use crate::accounts::password::PasswordHasher;
use crate::accounts::services::AccountServices;
use crate::accounts::site_settings;
use crate::activity::model::EventRetentionDays;
use crate::api::introspection::IntrospectionClients;
use crate::api::rate_limit::RateLimiter;
use crate::audit::event;
use crate::auth::authenticator::Authenticator;
use crate::base::clock::Clock;
use crate::base::random;
use crate::config::{ConfigError, ServerArgs};
use crate::db::{Db, DbError};
use crate::usage::UsageRecorder;
use crate::web::app_state::{AppState, SiteConfig};
use crate::web::{idle_connections, redact, request_log, static_files};
use crate::workspaces::setup;
use crate::{routes, tokens};

/// Timeout for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Timeout for idle connections; longer than the usual timeout of a proxy, so that the proxy closes first.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Interval between purges of old tombstones, old events and expired links.
const PURGE_INTERVAL: Duration = Duration::from_hours(1);

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
    /// Hasher for passwords.
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
    #[error("can't write below the data folder {0}: {1}")]
    Files(PathBuf, std::io::Error),
    /// A query failed.
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
        let (event_retention, retention_days) =
            (settings.events_kept(), web::Data::new(EventRetentionDays(settings.keep_events)));
        let static_folder = write_static_files(&data_dir)?;
        let site_key = db.write_blocking(|conn| {
            let site_key = site_settings::cookie_secret(conn, &mut random::os_rng())?;
            site_settings::remember_public_url(conn, &public_url)?;
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
        let (app_data, usage_data) = (web::Data::new(app.clone()), web::Data::new(usage.clone()));
        let token_cache = crate::auth::token_cache::TokenCache::default();
        let accounts_data = web::Data::new(AccountServices::new(passwords, &site_key));
        let server = HttpServer::new(move || {
            Actix::new()
                .app_data(app_data.clone())
                .app_data(usage_data.clone())
                .app_data(web::Data::new(Authenticator::new(
                    &app,
                    UsageRecorder::clone(&usage_data),
                    token_cache.clone(),
                )))
                .app_data(accounts_data.clone())
                .app_data(clients.clone())
                .app_data(retention_days.clone())
                .configure(|config| {
                    if let Some(rate) = &rate {
                        config.app_data(rate.clone());
                    }
                    routes::serve(config, &app, &site_key, &static_folder);
                })
                // The last middleware sees a request first.
                .wrap(middleware::from_fn(request_log::finalize))
                .wrap(middleware::Condition::new(log::log_enabled!(target: ACCESS_LOG, log::Level::Info), access_log()))
        })
        .on_connect(idle_connections::close_idle(KEEP_ALIVE))
        .client_request_timeout(HEAD_TIMEOUT)
        .keep_alive(KEEP_ALIVE)
        .shutdown_timeout(DRAIN_SECONDS);
        let server = if stop_on_signals { server } else { server.disable_signals() };
        let running = server.listen(listener).map_err(|error| StartError::Listen(address, error))?.run();
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
        let purge_db = db.clone();
        let (flush_usage, flush_db) = (usage.clone(), db.clone());
        let flusher = rt::spawn(async move {
            loop {
                flush_usage.wait_until_due().await;
                flush_usage.flush(&flush_db).await;
            }
        });
        let purger = rt::spawn(async move {
            loop {
                let now = clock.now();
                if let Err(error) = purge_db
                    .write(move |conn| tokens::delete::purge(conn, now - tokens::delete::TOMBSTONE_RETENTION))
                    .await
                {
                    log::warn!("tombstones are not purged yet: {error}");
                }
                if let Err(error) = purge_db.write(move |conn| links::purge(conn, now)).await {
                    log::warn!("links that have expired are not purged yet: {error}");
                }
                if let Err(error) = purge_db.write(move |conn| event::purge(conn, now - event_retention)).await {
                    log::warn!("old events are not purged yet: {error}");
                }
                if let Err(error) = purge_db.optimize().await {
                    log::warn!("the database has not looked at its rows yet: {error}");
                }
                rt::time::sleep(PURGE_INTERVAL).await;
            }
        });
        let result = running.await;
        purger.abort();
        // Waits for a flush that is running; aborting the task first would interrupt it.
        usage.flush(&db).await;
        flusher.abort();
        log::info!("stopped");
        result.map_err(StartError::Run)
    }
}

fn write_static_files(data_dir: &Path) -> Result<PathBuf, StartError> {
    static_files::write_to_disk(data_dir).map_err(|error| StartError::Files(data_dir.to_owned(), error))
}

/// One line per request: id, peer, method, path without query and secret codes, status, bytes, milliseconds.
fn access_log() -> middleware::Logger {
    middleware::Logger::new("%{x-request-id}o %a %{method}xi %{path}xi %s %b %D ms")
        .custom_request_replace("path", |request| redact::redact_url(request.path()).into_owned())
        .custom_request_replace("method", |request| request.method().to_string())
        .log_target(ACCESS_LOG)
}
