//! `latchkey demo`: a throw-away database with sample people, to look around.

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

/// Serves sample data until told to stop, then throws them away.
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
    let password = NewPassword::parse(PASSWORD, None).map_err(|refused| CliError::new(refused.0))?;
    let hash = PasswordHasher::owasp().hash_blocking(&password, &mut random::os_rng())?;
    let then = now - 120 * DAY;
    let mut users = Vec::new();
    for (email, name, role) in PEOPLE {
        let new = NewUser::new(parse(email)?, parse(name)?, hash.clone(), then, &mut random::os_rng());
        users.push((db.write_blocking(|conn| add_user(conn, &new, None, "demo"))?, role));
    }
    let [(ada, _), (ben, _), (chiara, _)] = &users[..] else { return Ok(()) };
    let hers = browser(ada)?;
    let by = Some(WorkspaceActor { user: &ada.uuid, client: &hers });
    let mut workspaces = Vec::new();
    // The one made last is the one that opens first: production, whose tokens show every state.
    for (name, kind) in [("Acme Demo", WorkspaceKind::Demo), ("Acme Production", WorkspaceKind::Production)] {
        let mut new = NewWorkspace::new(None, parse(name)?, kind, then, &mut random::os_rng());
        new.profile.country = parse("RW")?;
        new.profile.languages = parse("eng, kin, fra")?;
        new.profile.timezone = parse("Africa/Kigali")?;
        let at = if kind == WorkspaceKind::Production { then + DAY } else { then };
        let workspace = db.write_blocking(|conn| add_workspace(conn, &new, by))?;
        for (user, role) in &users {
            // Nobody begins as an agent: one becomes it below, and loses a token by that.
            let role = if kind == WorkspaceKind::Production && *role == Role::Agent { Role::Editor } else { *role };
            db.write_blocking(|conn| add_member(conn, &workspace, user, role, by, at))?;
        }
        workspaces.push(workspace);
    }
    let [demo, production] = &workspaces[..] else { return Ok(()) };
    let story = DemoData { db, now };
    let reporting = story.token(ada, production, "Reporting", 20 * DAY, Expiry::Never)?;
    story.uses(&reporting, 4 * MINUTE, "203.0.113.7", "python-requests/2.32.3")?;
    let mut partner = story.token(ada, production, "Partner system", 103 * DAY, Expiry::Never)?;
    story.uses(&partner, 3 * HOUR, "198.51.100.20", "axios/1.7.9")?;
    let old = story.rotate(&mut partner, 4 * HOUR)?;
    story.uses(&partner, 2 * MINUTE, "198.51.100.21", "axios/1.7.9")?;
    story.uses_value(&old, 3 * HOUR, "198.51.100.20", "axios/1.7.9")?;
    let survey = story.token(ada, production, "Survey import", 84 * DAY, Expiry::Days(90))?;
    story.uses(&survey, 26 * HOUR, "203.0.113.40", "Go-http-client/2.0")?;
    let gone = story.token(ada, demo, "Old dashboard", 80 * DAY, Expiry::Never)?;
    story.uses(&gone, 9 * DAY, "203.0.113.80", "curl/8.5.0")?;
    story.delete(&gone, 2 * DAY)?;
    for hours in (0..14).rev() {
        story.tries(&gone, 3 * MINUTE + hours * HOUR, "203.0.113.80", "python-requests/2.32.3")?;
    }
    story.token(ada, demo, "Try-out script", 2 * DAY, Expiry::Never)?;

    let expired = story.token(ben, production, "Nightly export", 35 * DAY, Expiry::Days(30))?;
    story.uses(&expired, 6 * DAY, "203.0.113.9", "curl/8.5.0")?;
    story.tries(&expired, 8 * HOUR, "203.0.113.9", "curl/8.5.0")?;
    story.token(ben, production, "Forgotten script", 95 * DAY, Expiry::Never)?;
    let mut sync = story.token(ben, production, "Warehouse sync", 60 * DAY, Expiry::Never)?;
    story.uses(&sync, 90 * MINUTE, "203.0.113.9", "Go-http-client/2.0")?;
    story.rotate(&mut sync, 20 * MINUTE)?;

    let tablet = story.token(chiara, production, "Field tablet", 90 * DAY, Expiry::Never)?;
    story.uses(&tablet, 31 * DAY, "198.51.100.77", "okhttp/4.12.0")?;
    let act = |ago| Ok::<_, CliError>(MemberActor::new(ada, browser(ada)?, now - ago));
    let demotion = act(12 * DAY)?;
    db.write_blocking(|conn| change_role(conn, production, &chiara.uuid, Role::Agent, &demotion))?;
    let lost = story.token(ben, demo, "Lost laptop", 50 * DAY, Expiry::Never)?;
    story.uses(&lost, 6 * DAY, "203.0.113.9", "python-requests/2.32.3")?;
    let revocation = act(5 * DAY)?;
    db.write_blocking(|conn| revoke(conn, demo, &lost.uuid, &revocation))?;
    Ok(())
}

const MINUTE: Duration = Duration::from_mins(1);

const HOUR: Duration = Duration::from_hours(1);

/// Lets things have happened: each so long ago, by the same code that does them for real.
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
    fn token(
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
        let client = browser(user)?;
        self.db.write_blocking(|conn| create(conn, &owner, &new, Some(&client)))?;
        Ok(SampleToken { owner, client, uuid: new.uuid, value })
    }

    /// Rotates with 24 hours of grace and returns the old value.
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

    fn uses(&self, token: &SampleToken, ago: Duration, ip: &str, agent: &str) -> CliResult {
        self.uses_value(&token.value, ago, ip, agent)
    }

    fn uses_value(&self, value: &TokenValue, ago: Duration, ip: &str, agent: &str) -> CliResult {
        let at = self.now - ago;
        let caller = self.present(value, at)?.map_err(|_| CliError::new("a demo token is refused"))?;
        let evidence = UsageRecorder::default();
        evidence.record(caller.value(), client(ip, agent)?, at);
        Ok(evidence.flush_blocking(self.db)?)
    }

    fn tries(&self, token: &SampleToken, ago: Duration, ip: &str, agent: &str) -> CliResult {
        let at = self.now - ago;
        let Err(Rejection { reason: RejectionReason::Ended(_, _, value), .. }) = self.present(&token.value, at)? else {
            return Err(CliError::new("a demo token still works"));
        };
        let evidence = UsageRecorder::default();
        evidence.record_rejected(value, client(ip, agent)?, at);
        Ok(evidence.flush_blocking(self.db)?)
    }

    fn present(&self, value: &TokenValue, at: Timestamp) -> Result<Result<Caller, Rejection>, CliError> {
        let header = format!("Bearer {}", value.reveal());
        let presented = credentials::parse(std::iter::once(header.as_bytes()));
        let presented = presented.map_err(|_| CliError::new("a demo token is malformed"))?;
        Ok(self.db.read_blocking(|conn| authenticator::authenticate_uncached(conn, &presented, at))?)
    }
}

/// The browser that somebody uses.
fn browser(user: &User) -> Result<ClientInfo, CliError> {
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
    text.parse().map_err(|refused: crate::base::text::ValidationError| CliError::new(refused.0))
}
