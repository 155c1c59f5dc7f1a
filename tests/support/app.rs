//! A real server on a free port with a temporary database.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use diesel::RunQueryDsl as _;
use latchkey::accounts::password_hasher::PasswordHasher;
use latchkey::base::clock::{Clock, ManualClock, Timestamp};
use latchkey::config::ServerArgs;
use latchkey::db::{Db, DbConnection, DbError};
use latchkey::server::{Server, ServerOptions};
use latchkey::usage::UsageRecorder;

use super::api_client::{Answer, Call};
use super::browser_client::Browser;
use super::database::{self, TestDatabase};
use super::wait::wait_until;

/// When tests begin: 23 November 2026, 12:00 UTC.
pub const NOON: Timestamp = Timestamp::from_micros(1_795_435_200_000_000);

/// A running server. Stops when dropped.
pub struct TestServer {
    pub address: SocketAddr,
    pub db: Db,
    pub clock: ManualClock,
    /// The set-up link, if there is no user yet.
    pub setup_url: Option<String>,
    pub folder: tempfile::TempDir,
    pub database: TestDatabase,
    passwords: PasswordHasher,
    settings: ServerArgs,
    running: Option<Running>,
}

struct Running {
    address: SocketAddr,
    uses: UsageRecorder,
    stop: tokio::sync::oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Running {
    fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }
}

/// Another server on the database of a [`TestServer`]. Stops when dropped.
pub struct Instance {
    running: Option<Running>,
}

impl Instance {
    /// `GET /api/v2/workspace.json` with a Bearer value.
    pub fn call(&self, value: impl AsRef<str>) -> Answer {
        let address = self.running.as_ref().unwrap().address;
        Call::new(address, "GET", "/api/v2/workspace.json").bearer(value).send()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop();
        }
    }
}

/// Every table that requests write to.
pub const TABLES: [&str; 15] = [
    "users",
    "sessions",
    "sign_in_attempts",
    "one_time_links",
    "settings",
    "workspaces",
    "memberships",
    "tokens",
    "token_listings",
    "value_uses",
    "usage_days",
    "usage_origins",
    "workspace_usage_days",
    "token_values",
    "events",
];

/// Where people reach the server of a test that says nothing else: the address it listens on.
pub fn plain_settings() -> ServerArgs {
    ServerArgs {
        listen: "127.0.0.1:0".parse().unwrap(),
        public_url: None,
        trusted_proxies: Vec::new(),
        allow_insecure_http: false,
        api_rate: None,
        gateway_any_workspace: false,
        keep_events: 400,
        introspection_clients: Vec::new(),
    }
}

/// Settings of a server behind a proxy with TLS.
pub fn https_settings() -> ServerArgs {
    ServerArgs { public_url: Some("https://tokens.example".parse().unwrap()), ..plain_settings() }
}

/// Settings of a server that believes what this machine says of a client's address.
pub fn proxy_settings() -> ServerArgs {
    ServerArgs { trusted_proxies: vec!["127.0.0.1/32".parse().unwrap()], ..plain_settings() }
}

impl TestServer {
    /// A server with the workspace `acme` (production) and `acme-demo` (demo): Alice is administrator of both, Bob
    /// editor of both, Dave agent of `acme`; and Charlie, a stranger to them, is administrator of `other`.
    pub fn start() -> Self {
        Self::start_with(plain_settings())
    }

    /// The same people on a server with these settings.
    pub fn start_with(settings: ServerArgs) -> Self {
        let server = Self::empty(settings);
        server.add_people();
        server
    }

    /// A server without users.
    pub fn empty(settings: ServerArgs) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = TestDatabase::without_rows(&folder.path().join("latchkey.db"));
        let db = Db::open(&database.url()).unwrap();
        let clock = ManualClock::at(NOON);
        let passwords = PasswordHasher::insecure_for_tests();
        let address = settings.listen;
        let mut server =
            Self { address, db, clock, setup_url: None, folder, database, passwords, settings, running: None };
        server.run();
        server
    }

    /// Stops the server, letting requests end, and starts it again on the same database.
    pub fn restart(&mut self) {
        self.stop();
        self.run();
    }

    fn run(&mut self) {
        let (running, setup_url) = self.start_server(self.clock.clone());
        (self.address, self.setup_url) = (running.address, setup_url);
        self.running = Some(running);
    }

    /// Another server on the same database, whose clock is a manual one of its own: behind this server's by a duration.
    pub fn another_instance(&self, behind: Duration) -> Instance {
        let clock = ManualClock::at(self.now() - behind);
        Instance { running: Some(self.start_server(clock).0) }
    }

    fn start_server(&self, clock: ManualClock) -> (Running, Option<String>) {
        let (report, started) = mpsc::channel();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let options = ServerOptions {
            settings: self.settings.clone(),
            data_dir: self.folder.path().to_owned(),
            db: self.db.clone(),
            clock: Clock::Manual(clock),
            passwords: self.passwords.clone(),
            stop_on_signals: false,
        };
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let server = Server::start(options).unwrap();
                report.send((server.address, server.setup_url.clone(), server.uses())).unwrap();
                let handle = server.handle();
                actix_web::rt::spawn(async move {
                    let _ = stopped.await;
                    handle.stop(false).await;
                });
                server.run().await.unwrap();
            });
        });
        let (address, setup_url, uses) = started.recv().unwrap();
        (Running { address, uses, stop, thread }, setup_url)
    }

    /// Stops the server; what it had collected is written.
    pub fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop();
        }
    }

    /// A browser without cookies.
    pub fn browser(&self) -> Browser {
        Browser::new(self.address)
    }

    /// Writes the recorded uses to the database.
    pub fn flush(&self) {
        self.running.as_ref().unwrap().uses.flush_blocking(&self.db).unwrap();
    }

    /// [`TestServer::flush`] while the database takes nothing.
    pub fn flush_in_vain(&self) {
        // The flush succeeds while a flush of the server itself is about to fail and to restore its batch.
        self.wait_until(|server| server.running.as_ref().unwrap().uses.flush_blocking(&server.db).is_err());
    }

    /// Takes all permits of the password hasher: until the result is dropped, every password check waits.
    pub fn hold_password_checks(&self) -> impl Sized + use<> {
        self.passwords.take_permits_for_tests().expect("no password is being checked")
    }

    /// Waits for something that the server does in the background.
    pub fn wait_until(&self, happened: impl Fn(&Self) -> bool) {
        wait_until("the server has done it", || happened(self));
    }

    /// The server's time.
    pub fn now(&self) -> Timestamp {
        Clock::Manual(self.clock.clone()).now()
    }

    /// Runs SQL that changes at least one row.
    pub fn db_execute(&self, sql: &str) {
        let changed = self.db.write_blocking(|conn| diesel::sql_query(sql).execute(conn).map_err(DbError::from));
        assert!(changed.unwrap() > 0, "nothing changed by {sql}");
    }

    /// Runs SQL that changes the schema.
    pub fn db_alter(&self, sql: &str) {
        self.database.is_altered();
        self.db.write_blocking(|conn| diesel::sql_query(sql).execute(conn).map_err(DbError::from)).unwrap();
    }

    /// The rows of a query whose one column is called `text`.
    pub fn rows(&self, sql: &str) -> Vec<String> {
        self.db.read_blocking(|conn| Ok::<_, DbError>(database::rows(conn, sql))).unwrap()
    }

    /// Every row of these tables as text, blobs in hexadecimal: to see that nothing changed, or what is stored.
    pub fn db_rows(&self, tables: &[&str]) -> String {
        let all = |conn: &mut DbConnection| {
            let mut lines = Vec::new();
            for table in tables {
                let query = database::row_query(conn, table);
                lines.push((*table).to_owned());
                lines.extend(database::rows(conn, &query));
            }
            Ok::<_, DbError>(lines.join("\n") + "\n")
        };
        self.db.read_blocking(all).unwrap()
    }

    /// A request to the API, without credentials yet.
    pub fn api(&self, method: &str, path: &str) -> Call {
        Call::new(self.address, method, path)
    }

    /// `GET /api/v2/workspace.json` with a Bearer value.
    pub fn call(&self, value: impl AsRef<str>) -> Answer {
        self.api("GET", "/api/v2/workspace.json").bearer(value).send()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stop();
    }
}
