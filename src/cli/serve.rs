//! `latchkey serve`, and the server start that `latchkey demo` shares with it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::accounts::password_hasher::PasswordHasher;
use crate::base::clock::Clock;
use crate::cli::{CliError, CliResult, open, print, start_failure};
use crate::config::{DatabaseArgs, ServerArgs};
use crate::db::Db;
use crate::db::lock::lock_for_server;
use crate::server::{Server, ServerOptions};

/// Serves until the process receives a signal to stop.
pub(super) fn serve(data: &DatabaseArgs, settings: ServerArgs, clock: Clock, starting: &AtomicBool) -> CliResult {
    create_data_dir(data)?;
    let url = data.database().map_err(|error| CliError::usage(error.to_string()))?;
    let _lock = lock_for_server(&url)?;
    let db = open(data)?;
    run(settings, data.data_dir.clone(), db, clock, starting, |server| {
        log::info!("version {}, data in {url}", env!("CARGO_PKG_VERSION"));
        if let Some(url) = &server.setup_url {
            print(&format!(
                "\nThere is no user yet. Open this link to set Latchkey up (it works once, for 24 hours):\n\n  {url}\n"
            ))?;
        }
        Ok(())
    })
}

/// Starts a server, prints its address, calls `ready`, and serves until the process receives a signal to stop.
pub(super) fn run(
    settings: ServerArgs,
    data_dir: PathBuf,
    db: Db,
    clock: Clock,
    starting: &AtomicBool,
    ready: impl FnOnce(&Server) -> CliResult,
) -> CliResult {
    actix_web::rt::System::new().block_on(async {
        let server = Server::start(ServerOptions {
            settings,
            data_dir,
            db,
            clock,
            passwords: PasswordHasher::owasp(),
            stop_on_signals: true,
        })
        .map_err(start_failure)?;
        print(&format!("Latchkey listens on http://{} and is reached at {}", server.address, server.public_url))?;
        ready(&server)?;
        let mut running = std::pin::pin!(server.run());
        std::future::poll_fn(|context| {
            let result = running.as_mut().poll(context);
            // From its first poll on, the server handles signals.
            starting.store(false, Ordering::Relaxed);
            result
        })
        .await
        .map_err(start_failure)
    })
}

/// Creates the data folder with mode 0700 if it is missing.
fn create_data_dir(data: &DatabaseArgs) -> CliResult {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&data.data_dir)
        .map_err(|error| CliError::new(format!("can't create the data folder {}: {error}", data.data_dir.display())))
}
