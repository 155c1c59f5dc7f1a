//! `latchkey demo`: a throw-away database with sample people, to look around.

use std::time::Duration;

use latchkey::accounts::password::{NewPassword, Passwords};
use latchkey::accounts::{NewUser, User, add_user};
use latchkey::config::ServerSettings;
use latchkey::kernel::clock::{Clock, Timestamp};
use latchkey::kernel::db::{DatabaseUrl, Db};
use latchkey::kernel::rng;
use latchkey::tokens::uses::Uses;
use latchkey::tokens::value::TokenValue;
use latchkey::tokens::verify;
use latchkey::tokens::{Deletion, NewToken, Owner, Via, create, delete, store};
use latchkey::workspaces::{Kind, NewWorkspace, Role, Workspace, add_member, add_workspace};

use super::{Done, Failure, print, serve};

const PASSWORD: &str = "try-latchkey-out";
const ADMINISTRATOR: &str = "ada@acme.example";
const PEOPLE: [(&str, &str, Role); 3] = [
    (ADMINISTRATOR, "Ada Lovelace", Role::Administrator),
    ("ben@acme.example", "Ben Okafor", Role::Editor),
    ("chiara@acme.example", "Chiara Rossi", Role::Agent),
];

/// Serves sample data until told to stop, then throws them away.
pub fn demo(settings: ServerSettings, clock: Clock) -> Done {
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

fn fill(db: &Db, now: Timestamp) -> Done {
    let password = NewPassword::choose(PASSWORD, None).map_err(|refused| Failure::new(refused.0))?;
    let hash = Passwords::strong().hash_blocking(&password, &mut rng::secure())?;
    let then = now - 100 * DAY;
    let mut users = Vec::new();
    for (email, name, role) in PEOPLE {
        let new = NewUser::new(parse(email)?, parse(name)?, hash.clone(), then, &mut rng::secure());
        users.push((db.write_blocking(|conn| add_user(conn, &new, None, "demo"))?, role));
    }
    let mut workspaces = Vec::new();
    // The one made last is the one that opens first: production, whose tokens show every state.
    for (name, kind) in [("Acme Demo", Kind::Demo), ("Acme Production", Kind::Production)] {
        let mut new = NewWorkspace::new(None, parse(name)?, kind, then, &mut rng::secure());
        new.profile.country = parse("RW")?;
        new.profile.languages = parse("eng, kin, fra")?;
        new.profile.timezone = parse("Africa/Kigali")?;
        let at = if kind == Kind::Production { then + DAY } else { then };
        let workspace = db.write_blocking(|conn| add_workspace(conn, &new, None))?;
        for (user, role) in &users {
            db.write_blocking(|conn| add_member(conn, &workspace, user, *role, None, at))?;
        }
        workspaces.push(workspace);
    }
    let [(ada, _), (ben, _), _] = &users[..] else { return Ok(()) };
    let [demo, production] = &workspaces[..] else { return Ok(()) };
    let minutes = |n: u32| now - n * Duration::from_mins(1);
    add_token(
        db,
        ada,
        production,
        "Reporting",
        now - 20 * DAY,
        Some((minutes(4), "203.0.113.7", "python-requests/2.32.3")),
    )?;
    add_token(
        db,
        ada,
        production,
        "Partner system",
        now - 103 * DAY,
        Some((minutes(26 * 60), "198.51.100.20", "axios/1.7.9")),
    )?;
    let old = add_token(
        db,
        ada,
        production,
        "Old dashboard",
        now - 80 * DAY,
        Some((minutes(9 * 24 * 60), "203.0.113.80", "curl/8.5.0")),
    )?;
    db.write_blocking(|conn| {
        let deletion = Deletion {
            via: Via::Page,
            by: Some((old.0.user.clone(), old.0.email.clone())),
            client: None,
            at: now - 2 * DAY,
        };
        delete(conn, &old.0, &old.1, &deletion)
    })?;
    add_token(db, ada, demo, "Try-out script", now - 2 * DAY, None)?;
    for name in ["Warehouse sync", "Nightly export", "Dashboard"] {
        add_token(db, ben, production, name, now - 40 * DAY, Some((minutes(90), "203.0.113.9", "Go-http-client/2.0")))?;
    }
    Ok(())
}

fn add_token(
    db: &Db,
    user: &User,
    workspace: &Workspace,
    name: &str,
    at: Timestamp,
    last_use: Option<(Timestamp, &str, &str)>,
) -> Result<(Owner, latchkey::kernel::id::Id), Failure> {
    let value = TokenValue::generate(&mut rng::secure());
    let new = NewToken::new(parse(name)?, &value, None, at, &mut rng::secure());
    let owner = db
        .read_blocking(|conn| store::owner_by_email(conn, &workspace.slug, &user.email))?
        .ok_or_else(|| Failure::new("a demo member is missing"))?;
    db.write_blocking(|conn| create(conn, &owner, &new, None))?;
    if let Some((at, ip, agent)) = last_use {
        let header = format!("Bearer {}", value.reveal());
        let presented =
            verify::read(std::iter::once(header.as_bytes())).map_err(|_| Failure::new("a demo token is malformed"))?;
        let caller = db
            .read_blocking(|conn| verify::check(conn, &presented, at))?
            .map_err(|_| Failure::new("a demo token is refused"))?;
        let evidence = Uses::default();
        evidence.record(
            caller.value(),
            latchkey::kernel::web::client::Client { ip: ip.parse()?, agent: Some(agent.to_owned()) },
            at,
        );
        evidence.flush_blocking(db)?;
    }
    Ok((owner, new.uuid))
}

fn parse<T: std::str::FromStr<Err = latchkey::kernel::text::Refused>>(text: &str) -> Result<T, Failure> {
    text.parse().map_err(|refused: latchkey::kernel::text::Refused| Failure::new(refused.0))
}
