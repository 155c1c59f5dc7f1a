//! `latchkey serve`, and the server start that `latchkey demo` shares with it.

use std::path::PathBuf;

use crate::accounts::password::PasswordHasher;
use crate::base::clock::Clock;
use crate::cli::{CliResult, open, print, start_failure};
use crate::config::{DatabaseArgs, ServerArgs};
use crate::db::Db;
use crate::server::{Server, ServerOptions};

/// Serves until the process receives a signal to stop.
pub fn serve(data: &DatabaseArgs, settings: ServerArgs, clock: Clock) -> CliResult {
    create_data_dir(data)?;
    let db = open(data)?;
    run(settings, data.data_dir.clone(), db, clock, |server| {
        if let Ok(url) = data.database() {
            log::info!("version {}, data in {url}", env!("CARGO_PKG_VERSION"));
        }
        if let Some(url) = &server.setup_url {
            print(&format!(
                "\nThere is no user yet. Open this link to set Latchkey up (it works once, for 24 hours):\n\n  {url}\n"
            ))?;
        }
        Ok(())
    })
}

/// Starts a server, prints its address, calls `ready`, and serves until the process receives a signal to stop.
pub fn run(
    settings: ServerArgs,
    data_dir: PathBuf,
    db: Db,
    clock: Clock,
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
        server.run().await.map_err(start_failure)
    })
}

/// Creates the data folder with mode 0700 if it is missing.
fn create_data_dir(data: &DatabaseArgs) -> CliResult {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&data.data_dir).map_err(|error| {
        super::CliError::new(format!("can't make the data folder {}: {error}", data.data_dir.display()))
    })
}
