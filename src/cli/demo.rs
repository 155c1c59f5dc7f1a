//! `latchkey demo`: serves a temporary database with sample data. It must not open the configured database.

use std::time::Duration;

use crate::accounts::create::add_user;
use crate::accounts::model::{NewUser, User};
use crate::accounts::password::{NewPassword, PasswordHasher};
use crate::auth::caller::Caller;
use crate::auth::rejection::{Rejection, RejectionReason};
use crate::auth::{authenticator, credentials};
use crate::base::client_info::ClientInfo;
use crate::base::clock::{Clock, Timestamp};
use crate::base::id::PublicId;
use crate::base::random;
use crate::cli::{CliError, CliResult, print, serve};
use crate::config::ServerArgs;
use crate::db::{DatabaseUrl, Db};
use crate::members::change_role::change_role;
use crate::members::model::MemberActor;
use crate::members::revoke_tokens::revoke;
use crate::tokens::create::create;
use crate::tokens::delete::delete;
use crate::tokens::expiry::{Expiry, GracePeriod};
use crate::tokens::model::{Deletion, DeletionSource, NewToken, Rotation, TokenOwner};
use crate::tokens::rotate::rotate;
use crate::tokens::secret::TokenValue;
use crate::tokens::store;
use crate::usage::UsageRecorder;
use crate::workspaces::create::add_workspace;
use crate::workspaces::members::add_member;
use crate::workspaces::model::{NewWorkspace, Workspace, WorkspaceActor};
use crate::workspaces::profile::{Role, WorkspaceKind};

const PASSWORD: &str = "try-latchkey-out";

const ADMINISTRATOR: &str = "ada@acme.example";

const PEOPLE: [(&str, &str, Role); 3] = [
    (ADMINISTRATOR, "Ada Lovelace", Role::Administrator),
    ("ben@acme.example", "Ben Okafor", Role::Editor),
    ("chiara@acme.example", "Chiara Rossi", Role::Agent),
];

/// Serves sample data until the process is stopped, then deletes the data.
pub fn demo(settings: ServerArgs, clock: Clock) -> CliResult {
    let folder = tempfile::Builder::new().prefix("latchkey-demo-").tempdir()?;
    let db = Db::open(&DatabaseUrl::Sqlite(folder.path().join("demo.db")))?;
    fill(&db, clock.now())?;
    serve::run(settings, folder.path().to_owned(), db, clock, |server| {
        let url = &server.public_url;
        print(&format!(
            "\nThis is a demo: everything in it is thrown away when it stops. Sign in at\n\n  {url}/login\n\n  administrator  {ADMINISTRATOR}\n  editor         {}\n  agent          {}\n  password       {PASSWORD}  (for all three)\n",
            PEOPLE[1].0, PEOPLE[2].0
        ))
    })
}

const DAY: Duration = Duration::from_hours(24);

fn fill(db: &Db, now: Timestamp) -> CliResult {
    let password = NewPassword::parse(PASSWORD, None).map_err(|error| CliError::new(error.0))?;
    let hash = PasswordHasher::owasp().hash_blocking(&password, &mut random::os_rng())?;
    let created_at = now - 120 * DAY;
    let mut users = Vec::new();
    for (email, name, role) in PEOPLE {
        let new = NewUser::new(parse(email)?, parse(name)?, hash.clone(), created_at, &mut random::os_rng());
        users.push((db.write_blocking(|conn| add_user(conn, &new, None, "demo"))?, role));
    }
    let [(ada, _), (ben, _), (chiara, _)] = &users[..] else { return Ok(()) };
    let client = browser_of(ada)?;
    let by = Some(WorkspaceActor { user: &ada.uuid, client: &client });
    let mut workspaces = Vec::new();
    // The home page shows the newest workspace: production, whose tokens cover every state.
    for (name, kind) in [("Acme Demo", WorkspaceKind::Demo), ("Acme Production", WorkspaceKind::Production)] {
        let mut new = NewWorkspace::new(None, parse(name)?, kind, created_at, &mut random::os_rng());
        new.profile.country = parse("RW")?;
        new.profile.languages = parse("eng, kin, fra")?;
        new.profile.timezone = parse("Africa/Kigali")?;
        let at = if kind == WorkspaceKind::Production { created_at + DAY } else { created_at };
        let workspace = db.write_blocking(|conn| add_workspace(conn, &new, by))?;
        for (user, role) in &users {
            // Agents start as editors: the change of role below deletes their tokens.
            let role = if kind == WorkspaceKind::Production && *role == Role::Agent { Role::Editor } else { *role };
            db.write_blocking(|conn| add_member(conn, &workspace, user, role, by, at))?;
        }
        workspaces.push(workspace);
    }
    let [demo, production] = &workspaces[..] else { return Ok(()) };
    let data = DemoData { db, now };
    let reporting = data.create_token(ada, production, "Reporting", 20 * DAY, Expiry::Never)?;
    data.record_use(&reporting, 4 * MINUTE, "203.0.113.7", "python-requests/2.32.3")?;
    let mut partner = data.create_token(ada, production, "Partner system", 103 * DAY, Expiry::Never)?;
    data.record_use(&partner, 3 * HOUR, "198.51.100.20", "axios/1.7.9")?;
    let old = data.rotate(&mut partner, 4 * HOUR)?;
    data.record_use(&partner, 2 * MINUTE, "198.51.100.21", "axios/1.7.9")?;
    data.record_use_of_value(&old, 3 * HOUR, "198.51.100.20", "axios/1.7.9")?;
    let survey = data.create_token(ada, production, "Survey import", 84 * DAY, Expiry::Days(90))?;
    data.record_use(&survey, 26 * HOUR, "203.0.113.40", "Go-http-client/2.0")?;
    let deleted = data.create_token(ada, demo, "Old dashboard", 80 * DAY, Expiry::Never)?;
    data.record_use(&deleted, 9 * DAY, "203.0.113.80", "curl/8.5.0")?;
    data.delete(&deleted, 2 * DAY)?;
    for hours in (0..14).rev() {
        data.record_rejected_use(&deleted, 3 * MINUTE + hours * HOUR, "203.0.113.80", "python-requests/2.32.3")?;
    }
    data.create_token(ada, demo, "Try-out script", 2 * DAY, Expiry::Never)?;

    let expired = data.create_token(ben, production, "Nightly export", 35 * DAY, Expiry::Days(30))?;
    data.record_use(&expired, 6 * DAY, "203.0.113.9", "curl/8.5.0")?;
    data.record_rejected_use(&expired, 8 * HOUR, "203.0.113.9", "curl/8.5.0")?;
    data.create_token(ben, production, "Forgotten script", 95 * DAY, Expiry::Never)?;
    let mut sync = data.create_token(ben, production, "Warehouse sync", 60 * DAY, Expiry::Never)?;
    data.record_use(&sync, 90 * MINUTE, "203.0.113.9", "Go-http-client/2.0")?;
    data.rotate(&mut sync, 20 * MINUTE)?;

    let tablet = data.create_token(chiara, production, "Field tablet", 90 * DAY, Expiry::Never)?;
    data.record_use(&tablet, 31 * DAY, "198.51.100.77", "okhttp/4.12.0")?;
    let actor = |ago| Ok::<_, CliError>(MemberActor::new(ada, browser_of(ada)?, now - ago));
    let demotion = actor(12 * DAY)?;
    db.write_blocking(|conn| change_role(conn, production, &chiara.uuid, Role::Agent, &demotion))?;
    let lost = data.create_token(ben, demo, "Lost laptop", 50 * DAY, Expiry::Never)?;
    data.record_use(&lost, 6 * DAY, "203.0.113.9", "python-requests/2.32.3")?;
    let revocation = actor(5 * DAY)?;
    db.write_blocking(|conn| revoke(conn, demo, &lost.uuid, &revocation))?;
    Ok(())
}

const MINUTE: Duration = Duration::from_mins(1);

const HOUR: Duration = Duration::from_hours(1);

/// Creates past events through the same use cases as the server; each takes its age as an argument.
struct DemoData<'a> {
    db: &'a Db,
    now: Timestamp,
}

struct SampleToken {
    owner: TokenOwner,
    client: ClientInfo,
    uuid: PublicId,
    value: TokenValue,
}

impl DemoData<'_> {
    fn create_token(
        &self,
        user: &User,
        workspace: &Workspace,
        name: &str,
        ago: Duration,
        expiry: Expiry,
    ) -> Result<SampleToken, CliError> {
        let value = TokenValue::generate(&mut random::os_rng());
        let new = NewToken::new(parse(name)?, &value, None, expiry, self.now - ago, &mut random::os_rng());
        let owner = self.db.read_blocking(|conn| store::find_owner_by_email(conn, &workspace.slug, &user.email))?;
        let owner = owner.ok_or_else(|| CliError::new("a demo member is missing"))?;
        let client = browser_of(user)?;
        self.db.write_blocking(|conn| create(conn, &owner, &new, Some(&client)))?;
        Ok(SampleToken { owner, client, uuid: new.uuid, value })
    }

    /// Rotates with a grace period of 24 hours and returns the old value.
    fn rotate(&self, token: &mut SampleToken, ago: Duration) -> Result<TokenValue, CliError> {
        let value = TokenValue::generate(&mut random::os_rng());
        let rotation = Rotation::to(&value, GracePeriod::Day, None, self.now - ago);
        self.db.write_blocking(|conn| rotate(conn, &token.owner, &token.uuid, &rotation, Some(&token.client)))?;
        Ok(std::mem::replace(&mut token.value, value))
    }

    fn delete(&self, token: &SampleToken, ago: Duration) -> CliResult {
        let by = Some((token.owner.user, token.owner.email.clone()));
        let deletion =
            Deletion { via: DeletionSource::Page, by, client: Some(token.client.clone()), at: self.now - ago };
        self.db.write_blocking(|conn| delete(conn, &token.owner, &token.uuid, &deletion))?;
        Ok(())
    }

    fn record_use(&self, token: &SampleToken, ago: Duration, ip: &str, agent: &str) -> CliResult {
        self.record_use_of_value(&token.value, ago, ip, agent)
    }

    fn record_use_of_value(&self, value: &TokenValue, ago: Duration, ip: &str, agent: &str) -> CliResult {
        let at = self.now - ago;
        let caller = self.authenticate(value, at)?.map_err(|_| CliError::new("a demo token is refused"))?;
        let usage = UsageRecorder::default();
        usage.record(caller.value(), client(ip, agent)?, at);
        Ok(usage.flush_blocking(self.db)?)
    }

    fn record_rejected_use(&self, token: &SampleToken, ago: Duration, ip: &str, agent: &str) -> CliResult {
        let at = self.now - ago;
        let Err(Rejection { reason: RejectionReason::Ended(_, _, value), .. }) = self.authenticate(&token.value, at)?
        else {
            return Err(CliError::new("a demo token still works"));
        };
        let usage = UsageRecorder::default();
        usage.record_rejected(value, client(ip, agent)?, at);
        Ok(usage.flush_blocking(self.db)?)
    }

    fn authenticate(&self, value: &TokenValue, at: Timestamp) -> Result<Result<Caller, Rejection>, CliError> {
        let header = format!("Bearer {}", value.reveal());
        let credentials = credentials::parse(std::iter::once(header.as_bytes()));
        let credentials = credentials.map_err(|_| CliError::new("a demo token is malformed"))?;
        Ok(self.db.read_blocking(|conn| authenticator::authenticate_uncached(conn, &credentials, at))?)
    }
}

/// The browser of a sample user.
fn browser_of(user: &User) -> Result<ClientInfo, CliError> {
    if user.email.as_str() == ADMINISTRATOR {
        return client("198.51.100.7", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0");
    }
    let windows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0";
    client("203.0.113.44", &format!("{windows} Safari/537.36"))
}

fn client(ip: &str, agent: &str) -> Result<ClientInfo, CliError> {
    Ok(ClientInfo { ip: ip.parse()?, agent: Some(agent.to_owned()) })
}

fn parse<T: std::str::FromStr<Err = crate::base::text::ValidationError>>(text: &str) -> Result<T, CliError> {
    text.parse().map_err(|error: crate::base::text::ValidationError| CliError::new(error.0))
}
