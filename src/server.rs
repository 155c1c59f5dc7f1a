//! Builds the HTTP server: what it stands on, its middleware, its life from start to the last write.

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

/// How long a request's head may take to arrive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection may stay open between requests; longer than a proxy keeps one, so that the proxy closes first.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How often tombstones and events that are old enough, and links that have expired, are forgotten.
const PURGE_EVERY: Duration = Duration::from_hours(1);

/// The name of the access log, by which it is turned off.
const ACCESS_LOG: &str = "latchkey::access";

/// How long requests may go on after the server was told to stop.
const DRAIN_SECONDS: u64 = 20;

/// What a server is started with.
pub struct ServerOptions {
    /// How it is reached.
    pub settings: ServerArgs,
    /// Where it may keep files.
    pub data_dir: PathBuf,
    /// The database, migrated.
    pub db: Db,
    /// What time it is.
    pub clock: Clock,
    /// How passwords are hashed.
    pub passwords: PasswordHasher,
    /// Stop when the process gets SIGINT or SIGTERM.
    pub stop_on_signals: bool,
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Settings that don't go together.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The address is taken, or not ours.
    #[error("can't listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// The static files can't be written.
    #[error("can't write below the data folder {0}: {1}")]
    Files(PathBuf, std::io::Error),
    /// A query failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The server could not be run.
    #[error("the server failed: {0}")]
    Run(std::io::Error),
}

/// A server that listens; [`Server::run`] serves.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// The absolute URL of the first set-up, while there is no user. A secret: to be printed, not logged.
    pub setup_url: Option<String>,
    /// Where people and tools reach it.
    pub public_url: String,
    running: actix_web::dev::Server,
    uses: UsageRecorder,
    db: Db,
    clock: Clock,
    events_kept: Duration,
}

impl Server {
    /// Binds the address and makes everything ready. Must be called within an actix system.
    pub fn start(options: ServerOptions) -> Result<Self, StartError> {
        let ServerOptions { settings, data_dir, db, clock, passwords, stop_on_signals } = options;
        let listener =
            TcpListener::bind(settings.listen).map_err(|error| StartError::Listen(settings.listen, error))?;
        let address = listener.local_addr().map_err(|error| StartError::Listen(settings.listen, error))?;
        let public_url = settings.public_url(address)?;
        let clients = web::Data::new(IntrospectionClients::new(settings.introspection_secrets()?));
        let rate = settings.api_rate.map(|rate| web::Data::new(RateLimiter::new(rate.count, rate.period)));
        let (events_kept, kept_days) =
            (settings.events_kept(), web::Data::new(EventRetentionDays(settings.keep_events)));
        let static_folder = unpack(&data_dir)?;
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
        let uses = UsageRecorder::default();
        let (app_data, uses_data) = (web::Data::new(app.clone()), web::Data::new(uses.clone()));
        let shared = crate::auth::token_cache::TokenCache::default();
        let accounts_data = web::Data::new(AccountServices::new(passwords, &site_key));
        let server = HttpServer::new(move || {
            Actix::new()
                .app_data(app_data.clone())
                .app_data(uses_data.clone())
                .app_data(web::Data::new(Authenticator::new(&app, UsageRecorder::clone(&uses_data), shared.clone())))
                .app_data(accounts_data.clone())
                .app_data(clients.clone())
                .app_data(kept_days.clone())
                .configure(|config| {
                    if let Some(rate) = &rate {
                        config.app_data(rate.clone());
                    }
                    routes::serve(config, &app, &site_key, &static_folder);
                })
                // From the inside out: what stands last sees a request first.
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
            uses,
            db,
            clock: server_clock,
            events_kept,
        })
    }

    /// A handle that stops the server from elsewhere.
    #[must_use]
    pub fn handle(&self) -> actix_web::dev::ServerHandle {
        self.running.handle()
    }

    /// The evidence of tokens' use that is not written yet.
    #[must_use]
    pub fn uses(&self) -> UsageRecorder {
        self.uses.clone()
    }

    /// Serves until stopped; then writes what is still to be written.
    pub async fn run(self) -> Result<(), StartError> {
        let Self { running, uses, db, clock, events_kept, .. } = self;
        let tombs = db.clone();
        let (collected, target) = (uses.clone(), db.clone());
        let flusher = rt::spawn(async move {
            loop {
                collected.wait_until_due().await;
                collected.flush(&target).await;
            }
        });
        let purger = rt::spawn(async move {
            loop {
                let now = clock.now();
                if let Err(error) = tombs
                    .write(move |conn| tokens::delete::purge(conn, now - tokens::delete::TOMBSTONE_RETENTION))
                    .await
                {
                    log::warn!("tombstones are not purged yet: {error}");
                }
                if let Err(error) = tombs.write(move |conn| links::purge(conn, now)).await {
                    log::warn!("links that have expired are not purged yet: {error}");
                }
                if let Err(error) = tombs.write(move |conn| event::purge(conn, now - events_kept)).await {
                    log::warn!("old events are not purged yet: {error}");
                }
                if let Err(error) = tombs.optimize().await {
                    log::warn!("the database has not looked at its rows yet: {error}");
                }
                rt::time::sleep(PURGE_EVERY).await;
            }
        });
        let ended = running.await;
        purger.abort();
        // Behind a flush that is under way, which must not be cut short.
        uses.flush(&db).await;
        flusher.abort();
        log::info!("stopped");
        ended.map_err(StartError::Run)
    }
}

fn unpack(data_dir: &Path) -> Result<PathBuf, StartError> {
    static_files::write_to_disk(data_dir).map_err(|error| StartError::Files(data_dir.to_owned(), error))
}

/// One line a request: id, peer, method and path without its query and without codes, status, bytes, milliseconds.
fn access_log() -> middleware::Logger {
    middleware::Logger::new("%{x-request-id}o %a %{method}xi %{path}xi %s %b %D ms")
        .custom_request_replace("path", |request| redact::redact_url(request.path()).into_owned())
        .custom_request_replace("method", |request| request.method().to_string())
        .log_target(ACCESS_LOG)
}
