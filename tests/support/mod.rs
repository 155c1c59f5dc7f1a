//! The kit: a real server on a free port with a temporary database, people in it, and a browser for each of them.
//! What a test does, it does over HTTP.

pub mod database;
pub mod harness;
pub mod http;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod requirement;

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::JoinHandle;

use diesel::RunQueryDsl as _;
use latchkey::accounts::password::{NewPassword, Passwords};
use latchkey::accounts::{NewUser, User, add_user};
use latchkey::config::ServerSettings;
use latchkey::kernel::clock::{Clock, ManualClock, Timestamp};
use latchkey::kernel::db::{Conn, Db, DbError};
use latchkey::kernel::rng;
use latchkey::server::{Options, Server};
use latchkey::tokens::uses::Uses;
use latchkey::workspaces::{Kind, NewWorkspace, Role, Workspace, add_member, add_workspace};

use database::TestDatabase;
use http::{Answer, Browser, Call};

/// The password of everybody.
pub const PASSWORD: &str = "open the door please";

/// When tests begin: 23 November 2026, 12:00 UTC.
pub const NOON: Timestamp = Timestamp::from_micros(1_795_435_200_000_000);

/// A running server. Stops when dropped.
pub struct TestServer {
    pub address: SocketAddr,
    pub db: Db,
    pub clock: ManualClock,
    /// The set-up link, if there is nobody yet.
    pub setup_url: Option<String>,
    pub folder: tempfile::TempDir,
    pub database: TestDatabase,
    settings: ServerSettings,
    running: Option<Running>,
}

struct Running {
    uses: Uses,
    stop: tokio::sync::oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

/// Every table with something that people or tools do.
pub const TABLES: [&str; 11] = [
    "users",
    "sessions",
    "sign_in_attempts",
    "one_time_links",
    "settings",
    "workspaces",
    "memberships",
    "tokens",
    "value_uses",
    "token_values",
    "events",
];

/// Where people reach the server of a test that says nothing else: the address it listens on.
pub fn plain_settings() -> ServerSettings {
    ServerSettings {
        listen: "127.0.0.1:0".parse().unwrap(),
        public_url: None,
        trusted_proxies: Vec::new(),
        allow_insecure_http: false,
        api_rate: None,
        keep_events: 400,
        introspection_clients: Vec::new(),
    }
}

/// Settings of a server behind a proxy with TLS.
pub fn https_settings() -> ServerSettings {
    ServerSettings { public_url: Some("https://tokens.example".parse().unwrap()), ..plain_settings() }
}

/// Settings of a server that believes what this machine says of a client's address.
pub fn proxy_settings() -> ServerSettings {
    ServerSettings { trusted_proxies: vec!["127.0.0.1/32".parse().unwrap()], ..plain_settings() }
}

impl TestServer {
    /// A server with the workspace `acme` (production) and `acme-demo` (demo): Alice is administrator of both, Bob
    /// editor of both, Dave agent of `acme`; and Charlie, a stranger to them, is administrator of `other`.
    pub fn start() -> Self {
        Self::start_with(plain_settings())
    }

    /// The same people on a server with these settings.
    pub fn start_with(settings: ServerSettings) -> Self {
        let server = Self::empty(settings);
        server.add_people();
        server
    }

    /// A server that nobody has set up.
    pub fn empty(settings: ServerSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = TestDatabase::without_rows(&folder.path().join("latchkey.db"));
        let db = Db::open(&database.url()).unwrap();
        let clock = ManualClock::at(NOON);
        let mut server =
            Self { address: settings.listen, db, clock, setup_url: None, folder, database, settings, running: None };
        server.run();
        server
    }

    /// Stops the server, letting requests end, and starts it again on the same database.
    pub fn restart(&mut self) {
        self.stop();
        self.run();
    }

    fn run(&mut self) {
        let (report, started) = mpsc::channel();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let options = Options {
            settings: self.settings.clone(),
            data_dir: self.folder.path().to_owned(),
            db: self.db.clone(),
            clock: Clock::Manual(self.clock.clone()),
            passwords: Passwords::weak(),
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
        (self.address, self.setup_url) = (address, setup_url);
        self.running = Some(Running { uses, stop, thread });
    }

    /// Stops the server; what it had collected is written.
    pub fn stop(&mut self) {
        if let Some(Running { stop, thread, .. }) = self.running.take() {
            let _ = stop.send(());
            let _ = thread.join();
        }
    }

    fn add_people(&self) {
        let password = NewPassword::choose(PASSWORD, None).unwrap();
        let hash = Passwords::weak().hash_blocking(&password, &mut rng::secure()).unwrap();
        let person = |name: &str| {
            let email = format!("{}@example.org", name.to_lowercase());
            let new =
                NewUser::new(email.parse().unwrap(), name.parse().unwrap(), hash.clone(), NOON, &mut rng::secure());
            self.db.write_blocking(|conn| add_user(conn, &new, None, "test")).unwrap()
        };
        let [alice, bob, charlie, dave] = ["Alice", "Bob", "Charlie", "Dave"].map(person);
        let demo = self.add_workspace("acme-demo", "Acme Demo", Kind::Demo);
        let acme = self.add_workspace("acme", "Acme", Kind::Production);
        let other = self.add_workspace("other", "Other", Kind::Production);
        for (user, workspace, role) in [
            (&alice, &demo, Role::Administrator),
            (&bob, &demo, Role::Editor),
            (&alice, &acme, Role::Administrator),
            (&bob, &acme, Role::Editor),
            (&dave, &acme, Role::Agent),
            (&charlie, &other, Role::Administrator),
        ] {
            self.add_member(user, workspace, role);
        }
    }

    /// Adds a workspace.
    pub fn add_workspace(&self, slug: &str, name: &str, kind: Kind) -> Workspace {
        let new = NewWorkspace::new(Some(slug.parse().unwrap()), name.parse().unwrap(), kind, NOON, &mut rng::secure());
        self.db.write_blocking(|conn| add_workspace(conn, &new, None)).unwrap()
    }

    /// Makes somebody a member. Who is added later comes to it first: `last_opened_at` grows.
    pub fn add_member(&self, user: &User, workspace: &Workspace, role: Role) {
        self.clock.advance(std::time::Duration::from_millis(1));
        let now = self.now();
        self.db.write_blocking(|conn| add_member(conn, workspace, user, role, None, now)).unwrap();
    }

    /// A browser that nobody has used yet.
    pub fn browser(&self) -> Browser {
        Browser::new(self.address)
    }

    /// The browser of somebody who is signed in: `alice`, `bob`, `charlie` or `dave`.
    pub fn signed_in(&self, name: &str) -> Browser {
        let browser = self.browser();
        let answer = browser.sign_in(&format!("{name}@example.org"), PASSWORD);
        assert_eq!(answer.status, 303, "{name} can't sign in: {}", answer.body);
        browser
    }

    /// The identifier of somebody.
    pub fn uuid_of(&self, name: &str) -> String {
        self.rows(&format!("SELECT uuid AS text FROM users WHERE email_key = '{name}@example.org'")).remove(0)
    }

    /// Makes `bob` or another a member of `acme` as the command line does.
    pub fn add_to_acme(&self, name: &str, role: Role) {
        let email = format!("{name}@example.org").parse().unwrap();
        let (user, workspace) = self
            .db
            .read_blocking(|conn| {
                let user = latchkey::accounts::store::user_by_email(conn, &email)?.unwrap().0;
                let workspace =
                    latchkey::workspaces::store::workspace_by_slug(conn, &"acme".parse().unwrap())?.unwrap();
                Ok::<_, DbError>((user, workspace))
            })
            .unwrap();
        self.add_member(&user, &workspace, role);
    }

    /// Lets what was collected of tokens' use be written now.
    pub fn flush(&self) {
        self.running.as_ref().unwrap().uses.flush_blocking(&self.db).unwrap();
    }

    /// [`TestServer::flush`] while the database takes nothing.
    pub fn flush_in_vain(&self) {
        // Not at once where the server itself has just taken what waits, and is about to put it back.
        self.wait_until(|server| server.running.as_ref().unwrap().uses.flush_blocking(&server.db).is_err());
    }

    /// Waits for something that the server does by itself.
    pub fn wait_until(&self, happened: impl Fn(&Self) -> bool) {
        for _ in 0..200 {
            if happened(self) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(25));
        }
        panic!("waited 5 s for nothing");
    }

    /// Creates a token as a person would and returns its value.
    pub fn create_token(&self, browser: &Browser, slug: &str, name: &str) -> String {
        let answer = browser.create_token(slug, name);
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.value().to_owned()
    }

    /// Invites somebody into `acme` as Alice would, and returns the link's path.
    pub fn invite(&self, alice: &Browser, role: &str) -> String {
        let path = "/w/acme/settings/members/invitations";
        let form_key = alice.get(path).hidden("form_key").to_owned();
        let made = alice.post(path, &[("role", role), ("form_key", &form_key)]);
        assert_eq!(made.status, 201, "{}", made.body);
        made.link().strip_prefix(&format!("http://{}", self.address)).unwrap().to_owned()
    }

    /// Makes a link to reset somebody's password, as the command line does, and returns its path.
    pub fn reset_link(&self, name: &str) -> String {
        let email = format!("{name}@example.org").parse().unwrap();
        let code = latchkey::accounts::reset::new_link(&self.db, &email, self.now(), &mut rng::secure()).unwrap();
        format!("/reset/{}", code.reveal())
    }

    /// The route with real things in it: the workspace `acme`; a token, an invitation, and another session of Alice's; Bob
    /// as a member;
    /// the code of an invitation, or of a link to reset Bob's password.
    pub fn real_path(&self, route: &str, alice: &Browser) -> String {
        let path = route.replace("{slug}", "acme");
        if path.starts_with("/reset/") {
            self.reset_link("bob")
        } else if path.starts_with("/invitations/") {
            self.invite(alice, "editor")
        } else if path.starts_with("/account/sessions/{uuid}") {
            let _ = self.signed_in("alice");
            let page = alice.get("/account");
            path.replace("{uuid}", page.between("action=\"/account/sessions/", "/end\"").unwrap())
        } else if path.contains("/invitations/{uuid}") {
            self.invite(alice, "editor");
            let page = alice.get("/w/acme/settings/members/invitations");
            path.replace("{uuid}", page.between("members/invitations/", "/revoke\"").unwrap())
        } else if path.contains("{member}") {
            self.create_token(&self.signed_in("bob"), "acme", "Reporting");
            path.replace("{member}", &self.uuid_of("bob"))
        } else if path.contains("{uuid}") {
            self.create_token(alice, "acme", "Reporting");
            path.replace("{uuid}", alice.delete_path("acme", "Reporting").split('/').nth(5).unwrap())
        } else {
            path
        }
    }

    /// What time it is for the server.
    pub fn now(&self) -> Timestamp {
        Clock::Manual(self.clock.clone()).now()
    }

    /// Does to the database what no page does.
    pub fn db_execute(&self, sql: &str) {
        let changed = self.db.write_blocking(|conn| diesel::sql_query(sql).execute(conn).map_err(DbError::from));
        assert!(changed.unwrap() > 0, "nothing changed by {sql}");
    }

    /// Changes the database's own shape, for a test.
    pub fn db_alter(&self, sql: &str) {
        self.database.is_altered();
        self.db.write_blocking(|conn| diesel::sql_query(sql).execute(conn).map_err(DbError::from)).unwrap();
    }

    /// What a query says, row by row; its one column is called `text`.
    pub fn rows(&self, sql: &str) -> Vec<String> {
        self.db.read_blocking(|conn| Ok::<_, DbError>(database::rows(conn, sql))).unwrap()
    }

    /// Every row of these tables as text, blobs in hexadecimal: to see that nothing changed, or what is stored.
    pub fn db_rows(&self, tables: &[&str]) -> String {
        let all = |conn: &mut Conn| {
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

    /// Lets somebody in or keeps them out, as the command line does.
    pub fn set_active(&self, name: &str, is_active: bool) {
        let email = format!("{name}@example.org").parse().unwrap();
        latchkey::accounts::set_active(&self.db, &email, is_active, self.now()).unwrap().unwrap();
    }

    /// A request to the API, without credentials yet.
    pub fn api(&self, method: &str, path: &str) -> Call {
        Call::new(self.address, method, path)
    }

    /// `GET /api/v2/workspace.json` with a Bearer value.
    pub fn call(&self, value: &str) -> Answer {
        self.api("GET", "/api/v2/workspace.json").header("Authorization", &format!("Bearer {value}")).send()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stop();
    }
}
