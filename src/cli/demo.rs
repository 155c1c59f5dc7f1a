//! `latchkey demo`: serves a temporary database with sample data. It must not open the configured database.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::accounts::create::add_user;
use crate::accounts::model::{NewUser, User};
use crate::accounts::password::NewPassword;
use crate::accounts::password_hasher::PasswordHasher;
use crate::auth::caller::Caller;
use crate::auth::error::AuthError;
use crate::auth::rejection::{Rejection, RejectionReason};
use crate::auth::{authenticator, credentials};
use crate::base::client_info::ClientInfo;
use crate::base::clock::{Clock, Timestamp};
use crate::base::id::PublicId;
use crate::base::note::Note;
use crate::base::random;
use crate::cli::demo_usage::Rhythm;
use crate::cli::{CliError, CliResult, print, serve};
use crate::config::ServerArgs;
use crate::db::ids::ValueId;
use crate::db::{DatabaseUrl, Db};
use crate::members::change_role::change_role;
use crate::members::revoke_tokens::revoke;
use crate::tokens::create::create;
use crate::tokens::delete::delete;
use crate::tokens::expiry::{Expiry, GracePeriod};
use crate::tokens::model::{DeletionSource, NewToken, Rotation, TokenOwner};
use crate::tokens::note::change_note;
use crate::tokens::owner_store;
use crate::tokens::rotate::rotate;
use crate::tokens::secret::TokenValue;
use crate::usage::UsageRecorder;
use crate::workspaces::create::add_workspace;
use crate::workspaces::members::add_member;
use crate::workspaces::model::{NewWorkspace, Role, Workspace};
use crate::workspaces::profile::WorkspaceKind;

/// The password of all sample users. It is publicly known.
const PASSWORD: &str = "look-around-freely";

const ADMINISTRATOR: &str = "ada@acme.example";

const PEOPLE: [(&str, &str, Role); 3] = [
    (ADMINISTRATOR, "Ada Lovelace", Role::Administrator),
    ("ben@acme.example", "Ben Okafor", Role::Editor),
    ("chiara@acme.example", "Chiara Rossi", Role::Agent),
];

/// Serves sample data until the process is stopped, then deletes the data. Refuses to be reachable from other machines.
pub(super) fn demo(settings: ServerArgs, clock: Clock, starting: &AtomicBool) -> CliResult {
    if !settings.listen.ip().is_loopback() {
        return Err(CliError::usage(format!(
            "the demo can't listen on {}: the password of its administrator is publicly known. Use a loopback address, \
             like --listen 127.0.0.1:8080",
            settings.listen
        )));
    }
    if let Some(url) = settings.public_url.as_ref().filter(|url| !url.is_loopback()) {
        return Err(CliError::usage(format!(
            "the demo can't be reached at {}: the password of its administrator is publicly known. Leave --public-url out",
            url.origin()
        )));
    }
    let folder = tempfile::Builder::new().prefix("latchkey-demo-").tempdir()?;
    let db = Db::open(&DatabaseUrl::Sqlite(folder.path().join("demo.db")))?;
    fill(&db, clock.now())?;
    serve::run(settings, folder.path().to_owned(), db, clock, starting, |server| {
        let url = &server.public_url;
        print(&format!(
            "\nThis is a demo. Its data is deleted when it stops. Sign in at\n\n  {url}/login\n\n  administrator  {ADMINISTRATOR}\n  editor         {}\n  agent          {}\n  password       {PASSWORD}  (for all three)\n",
            PEOPLE[1].0, PEOPLE[2].0
        ))
    })
}

const DAY: Duration = Duration::from_hours(24);

fn fill(db: &Db, now: Timestamp) -> CliResult {
    let password = NewPassword::parse(PASSWORD, None, &[]).map_err(|error| CliError::new(error.0))?;
    let hash = PasswordHasher::owasp().hash_blocking(&password, &mut random::os_rng())?;
    let created_at = now - 120 * DAY;
    let mut users = Vec::new();
    for (email, name, role) in PEOPLE {
        let new = NewUser::new(parse(email)?, parse(name)?, hash.clone(), created_at, &mut random::os_rng());
        let new = new.with_verified_email();
        users.push((db.write_blocking(|conn| add_user(conn, &new, None, "demo"))?, role));
    }
    let [(ada, _), (ben, _), (chiara, _)] = &users[..] else { return Ok(()) };
    let actor = |at| Ok::<_, CliError>(ada.actor(browser_of(ada)?, at));
    let mut workspaces = Vec::new();
    // The home page shows the newest workspace: production, whose tokens cover every state.
    for (name, kind) in [("Acme Demo", WorkspaceKind::Demo), ("Acme Production", WorkspaceKind::Production)] {
        let mut new = NewWorkspace::new(None, parse(name)?, kind, created_at, &mut random::os_rng());
        new.profile.country = parse("RW")?;
        new.profile.languages = parse("eng, kin, fra")?;
        new.profile.timezone = parse("Africa/Kigali")?;
        let at = if kind == WorkspaceKind::Production { created_at + DAY } else { created_at };
        let (creation, addition) = (actor(created_at)?, actor(at)?);
        let workspace = db.write_blocking(|conn| add_workspace(conn, &new, &creation))?;
        for (user, role) in &users {
            // Agents start as editors: the change of role below deletes their tokens.
            let role = if kind == WorkspaceKind::Production && *role == Role::Agent { Role::Editor } else { *role };
            db.write_blocking(|conn| add_member(conn, &workspace, user, role, &addition))?;
        }
        workspaces.push(workspace);
    }
    let [demo, production] = &workspaces[..] else { return Ok(()) };
    let data = DemoData { db, now };
    // Rotated half way through the 90 days: the integration moved to the new value within four days. Another client called
    // twice a week ago, and one script still has the old value.
    let python = ("203.0.113.7", "python-requests/2.32.3");
    let mut reporting = data.create_token(ada, production, "Reporting", 96 * DAY, Expiry::Never)?;
    data.note(&reporting, "Power BI gateway of the reporting team; the value is in its credential store.")?;
    data.record_calls(&reporting.value, Rhythm::OfficeHours(60), 95 * DAY, 45 * DAY, python)?;
    let old = data.rotate(&mut reporting, GracePeriod::Week, 45 * DAY)?;
    data.record_calls(&old, Rhythm::OfficeHours(40), 45 * DAY, 43 * DAY, python)?;
    data.record_calls(&reporting.value, Rhythm::OfficeHours(20), 45 * DAY, 43 * DAY, python)?;
    data.record_calls(&old, Rhythm::OfficeHours(12), 43 * DAY, 41 * DAY, python)?;
    data.record_calls(&reporting.value, Rhythm::OfficeHours(48), 43 * DAY, 41 * DAY, python)?;
    data.record_calls(&reporting.value, Rhythm::OfficeHours(64), 41 * DAY, 6 * DAY, python)?;
    for ago in [2 * MINUTE, MINUTE] {
        data.record_use(&reporting, 6 * DAY + 3 * HOUR + ago, "192.0.2.66", "curl/8.5.0")?;
    }
    data.record_calls(&reporting.value, Rhythm::OfficeHours(64), 6 * DAY, 10 * MINUTE, python)?;
    data.record_use(&reporting, 4 * MINUTE, python.0, python.1)?;
    data.record_rejections(&old, Rhythm::Weekly, 37 * DAY, HOUR, ("203.0.113.21", "Wget/1.21.3"))?;
    let axios = ("198.51.100.20", "axios/1.7.9");
    let mut partner = data.create_token(ada, production, "Partner system", 103 * DAY, Expiry::Never)?;
    data.record_calls(&partner.value, Rhythm::OfficeHours(140), 95 * DAY, 4 * HOUR, axios)?;
    let old = data.rotate(&mut partner, GracePeriod::Day, 4 * HOUR)?;
    data.record_calls(&partner.value, Rhythm::OfficeHours(90), 4 * HOUR, 5 * MINUTE, ("198.51.100.21", axios.1))?;
    data.record_use(&partner, 2 * MINUTE, "198.51.100.21", "axios/1.7.9")?;
    data.record_use_of_value(&old, 3 * HOUR, "198.51.100.20", "axios/1.7.9")?;
    let survey = data.create_token(ada, production, "Survey import", 84 * DAY, Expiry::Days(90))?;
    data.record_calls(&survey.value, Rhythm::Nightly, 84 * DAY, 30 * HOUR, ("203.0.113.40", "Go-http-client/2.0"))?;
    data.record_use(&survey, 26 * HOUR, "203.0.113.40", "Go-http-client/2.0")?;
    let deleted = data.create_token(ada, demo, "Old dashboard", 80 * DAY, Expiry::Never)?;
    data.record_calls(&deleted.value, Rhythm::OfficeHours(24), 80 * DAY, 10 * DAY, ("203.0.113.80", "curl/8.5.0"))?;
    data.record_use(&deleted, 9 * DAY, "203.0.113.80", "curl/8.5.0")?;
    data.delete(&deleted, 2 * DAY)?;
    for hours in (0..14).rev() {
        data.record_rejected_use(&deleted, 3 * MINUTE + hours * HOUR, "203.0.113.80", "python-requests/2.32.3")?;
    }
    data.create_token(ada, demo, "Try-out script", 2 * DAY, Expiry::Never)?;

    let expired = data.create_token(ben, production, "Nightly export", 35 * DAY, Expiry::Days(30))?;
    // The job still runs every night.
    data.record_calls(&expired.value, Rhythm::Nightly, 35 * DAY, 6 * DAY, ("203.0.113.9", "curl/8.5.0"))?;
    data.record_use(&expired, 6 * DAY, "203.0.113.9", "curl/8.5.0")?;
    data.record_rejections(
        &expired.value,
        Rhythm::Nightly,
        4 * DAY + 23 * HOUR,
        9 * HOUR,
        ("203.0.113.9", "curl/8.5.0"),
    )?;
    data.record_rejected_use(&expired, 8 * HOUR, "203.0.113.9", "curl/8.5.0")?;
    let forgotten = data.create_token(ben, production, "Forgotten script", 95 * DAY, Expiry::Never)?;
    data.record_calls(&forgotten.value, Rhythm::Weekly, 95 * DAY, 52 * DAY, ("203.0.113.9", "Python-urllib/3.8"))?;
    let mut sync = data.create_token(ben, production, "Warehouse sync", 60 * DAY, Expiry::Never)?;
    data.record_calls(&sync.value, Rhythm::OfficeHours(30), 60 * DAY, 2 * HOUR, ("203.0.113.9", "Go-http-client/2.0"))?;
    data.record_use(&sync, 90 * MINUTE, "203.0.113.9", "Go-http-client/2.0")?;
    data.rotate(&mut sync, GracePeriod::Day, 20 * MINUTE)?;

    let tablet = data.create_token(chiara, production, "Field tablet", 90 * DAY, Expiry::Never)?;
    data.record_calls(&tablet.value, Rhythm::OfficeHours(8), 90 * DAY, 31 * DAY, ("198.51.100.77", "okhttp/4.12.0"))?;
    data.record_use(&tablet, 31 * DAY, "198.51.100.77", "okhttp/4.12.0")?;
    let demotion = actor(now - 12 * DAY)?;
    db.write_blocking(|conn| change_role(conn, production, &chiara.uuid, Role::Agent, &demotion))?;
    let lost = data.create_token(ben, demo, "Lost laptop", 50 * DAY, Expiry::Never)?;
    data.record_use(&lost, 6 * DAY, "203.0.113.9", "python-requests/2.32.3")?;
    let revocation = actor(now - 5 * DAY)?;
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
    user: User,
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
        let owner =
            self.db.read_blocking(|conn| owner_store::find_owner_by_email(conn, &workspace.slug, &user.email))?;
        let owner = owner.ok_or_else(|| CliError::new("a demo member is missing"))?;
        let actor = user.actor(browser_of(user)?, new.at);
        self.db.write_blocking(|conn| create(conn, &owner, &new, &actor))?;
        Ok(SampleToken { owner, user: user.clone(), uuid: new.uuid, value })
    }

    /// Rotates and returns the old value.
    fn rotate(&self, token: &mut SampleToken, grace: GracePeriod, ago: Duration) -> Result<TokenValue, CliError> {
        let value = TokenValue::generate(&mut random::os_rng());
        let rotation = Rotation::to(&value, grace, None);
        let actor = token.user.actor(browser_of(&token.user)?, self.now - ago);
        self.db.write_blocking(|conn| rotate(conn, &token.owner, &token.uuid, &rotation, &actor))?;
        Ok(std::mem::replace(&mut token.value, value))
    }

    fn delete(&self, token: &SampleToken, ago: Duration) -> CliResult {
        let actor = token.user.actor(browser_of(&token.user)?, self.now - ago);
        self.db.write_blocking(|conn| delete(conn, &token.owner, &token.uuid, DeletionSource::Page, &actor))?;
        Ok(())
    }

    fn note(&self, token: &SampleToken, text: &str) -> CliResult {
        let note: Note = parse(text)?;
        let actor = token.user.actor(browser_of(&token.user)?, self.now - 95 * DAY);
        self.db.write_blocking(|conn| change_note(conn, &token.owner, &token.uuid, Some(&note), &actor))?;
        Ok(())
    }

    /// Records calls with a value between two ages, by a client with this address and program.
    fn record_calls(
        &self,
        value: &TokenValue,
        rhythm: Rhythm,
        from: Duration,
        to: Duration,
        (ip, agent): (&str, &str),
    ) -> CliResult {
        let value = self.authenticate(value, self.now - from)?.value();
        let (usage, client) = (UsageRecorder::default(), client(ip, agent)?);
        for at in rhythm.calls(self.now - from, self.now - to) {
            usage.record(value, client.clone(), at);
        }
        Ok(usage.flush_blocking(self.db)?)
    }

    /// [`DemoData::record_calls`] with a value that has ended.
    fn record_rejections(
        &self,
        value: &TokenValue,
        rhythm: Rhythm,
        from: Duration,
        to: Duration,
        (ip, agent): (&str, &str),
    ) -> CliResult {
        let value = self.ended_value(value, self.now - from)?;
        let (usage, client) = (UsageRecorder::default(), client(ip, agent)?);
        for at in rhythm.calls(self.now - from, self.now - to) {
            usage.record_rejected(value, client.clone(), at);
        }
        Ok(usage.flush_blocking(self.db)?)
    }

    fn record_use(&self, token: &SampleToken, ago: Duration, ip: &str, agent: &str) -> CliResult {
        self.record_use_of_value(&token.value, ago, ip, agent)
    }

    fn record_use_of_value(&self, value: &TokenValue, ago: Duration, ip: &str, agent: &str) -> CliResult {
        let at = self.now - ago;
        let caller = self.authenticate(value, at)?;
        let usage = UsageRecorder::default();
        usage.record(caller.value(), client(ip, agent)?, at);
        Ok(usage.flush_blocking(self.db)?)
    }

    fn record_rejected_use(&self, token: &SampleToken, ago: Duration, ip: &str, agent: &str) -> CliResult {
        let at = self.now - ago;
        let value = self.ended_value(&token.value, at)?;
        let usage = UsageRecorder::default();
        usage.record_rejected(value, client(ip, agent)?, at);
        Ok(usage.flush_blocking(self.db)?)
    }

    fn ended_value(&self, value: &TokenValue, at: Timestamp) -> Result<ValueId, CliError> {
        let Err(AuthError::Rejected(Rejection { reason: RejectionReason::Ended { value, .. }, .. })) =
            self.authenticate(value, at)
        else {
            return Err(CliError::new("a demo token still works"));
        };
        Ok(value)
    }

    fn authenticate(&self, value: &TokenValue, at: Timestamp) -> Result<Caller, AuthError> {
        let header = format!("Bearer {}", value.reveal());
        let credentials = credentials::parse(std::iter::once(header.as_bytes()))?;
        self.db.read_blocking(|conn| authenticator::authenticate_uncached(conn, &credentials, at))
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
