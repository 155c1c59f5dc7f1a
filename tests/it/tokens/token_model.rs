//! Random sequences of steps against a model: three members, a clock, and every value checked after every step, in the
//! database and over HTTP. The server answers from its caches while no step changes the epoch.

use std::cell::Cell;
use std::time::Duration;

use strum::VariantArray as _;

use latchkey::audit::actor::Actor;
use latchkey::auth::error::AuthError;
use latchkey::auth::rejection::{Rejection, RejectionReason};
use latchkey::auth::{authenticator, credentials};
use latchkey::base::clock::Timestamp;
use latchkey::base::random;
use latchkey::db::ids::WorkspaceId;
use latchkey::tokens::create::{CreateError, create};
use latchkey::tokens::delete::{DeleteOutcome, delete};
use latchkey::tokens::expiry::{Expiry, GracePeriod};
use latchkey::tokens::model::{DeletionSource, NewToken, TokenOwner};
use latchkey::tokens::model::{ExpiryChange, Rotation, TokenChangeError};
use latchkey::tokens::owner_store;
use latchkey::tokens::rename::rename;
use latchkey::tokens::rotate::{RetireOutcome, retire, rotate};
use latchkey::tokens::secret::TokenValue;
use latchkey::workspaces::model::{Role, Workspace};
use latchkey::workspaces::profile::WorkspaceKind;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::support::TestServer;
use crate::support::api_client::Connection;

const VERIFY: &str = "/auth/verify";
/// Endpoints with different caches: of callers, and of workspaces.
const PATHS: [&str; 2] = [VERIFY, "/api/v2/workspace.json"];

#[derive(Debug, Clone)]
enum Step {
    Create { member: usize, name: u8, days: Option<u16> },
    Rename { token: Index, name: u8 },
    Rotate { token: Index, grace: usize, days: Option<u16> },
    Retire { token: Index },
    Delete { token: Index },
    Wait { hours: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let days = || prop_oneof![Just(None), Just(Some(30)), Just(Some(60))];
    prop_oneof![
        4 => (0..3usize, 0..5u8, days()).prop_map(|(member, name, days)| Step::Create { member, name, days }),
        1 => (any::<Index>(), 0..5u8).prop_map(|(token, name)| Step::Rename { token, name }),
        4 => (any::<Index>(), 0..5usize, days()).prop_map(|(token, grace, days)| Step::Rotate { token, grace, days }),
        2 => any::<Index>().prop_map(|token| Step::Retire { token }),
        1 => any::<Index>().prop_map(|token| Step::Delete { token }),
        3 => prop_oneof![Just(1), Just(24), Just(7 * 24), Just(30 * 24)].prop_map(|hours| Step::Wait { hours }),
    ]
}

struct Token {
    member: usize,
    new: NewToken,
    name: u8,
    is_deleted: bool,
    /// The last is the current one.
    values: Vec<Value>,
}

struct Value {
    secret: TokenValue,
    ends_at: Option<Timestamp>,
    was_refused: bool,
}

impl Value {
    fn lives(&self, now: Timestamp) -> bool {
        self.ends_at.is_none_or(|at| at > now)
    }

    fn end(&mut self, at: Timestamp) {
        if self.lives(at) {
            self.ends_at = Some(at);
        }
    }
}

fn name(nth: u8) -> latchkey::tokens::model::TokenName {
    format!("Token {nth}").parse().unwrap()
}

fn expiry(days: Option<u16>) -> Expiry {
    days.map_or(Expiry::Never, Expiry::Days)
}

struct World<'a> {
    server: &'a TestServer,
    owners: [TokenOwner; 3],
    workspaces: [WorkspaceId; 3],
    tokens: Vec<Token>,
    connection: Connection,
    /// Where each value is presented.
    path: &'static str,
}

impl World<'_> {
    fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let (db, now) = (&self.server.db, self.server.now());
        let actor = Actor::command_line(now);
        let pick = |token: &Index, tokens: &[Token]| (!tokens.is_empty()).then(|| token.index(tokens.len()));
        match step {
            Step::Wait { hours } => self.server.clock.advance(Duration::from_hours(*hours)),
            Step::Create { member, name: nth, days } => {
                let secret = TokenValue::generate(&mut random::os_rng());
                let new = NewToken::new(name(*nth), &secret, None, expiry(*days), now, &mut random::os_rng());
                let theirs = self.tokens.iter().filter(|it| it.member == *member && !it.is_deleted);
                let (count, is_taken) = theirs.fold((0, false), |(n, taken), it| (n + 1, taken || it.name == *nth));
                match db.write_blocking(|conn| create(conn, &self.owners[*member], &new, &actor)) {
                    Ok(()) => {
                        prop_assert!(count < 3 && !is_taken);
                        let value = Value { secret, ends_at: expiry(*days).ends_at(now), was_refused: false };
                        let token = Token { member: *member, new, name: *nth, is_deleted: false, values: vec![value] };
                        self.tokens.push(token);
                    }
                    Err(CreateError::LimitReached) => prop_assert_eq!(count, 3),
                    Err(CreateError::NameTaken) => prop_assert!(is_taken),
                    Err(other) => prop_assert!(false, "{other}"),
                }
            }
            Step::Rename { token, name: nth } => {
                let Some(at) = pick(token, &self.tokens) else { return Ok(()) };
                let member = self.tokens[at].member;
                let mut others = self.tokens.iter().enumerate().filter(|(i, it)| *i != at && it.member == member);
                let is_taken = others.any(|(_, it)| !it.is_deleted && it.name == *nth);
                let token = &mut self.tokens[at];
                let uuid = token.new.uuid;
                match db.write_blocking(|conn| rename(conn, &self.owners[member], &uuid, &name(*nth), &actor)) {
                    Ok(()) => {
                        prop_assert!(!token.is_deleted && !is_taken);
                        token.name = *nth;
                    }
                    Err(TokenChangeError::NotFound) => prop_assert!(token.is_deleted),
                    Err(TokenChangeError::NameTaken) => prop_assert!(is_taken),
                    Err(other) => prop_assert!(false, "{other}"),
                }
            }
            Step::Rotate { token, grace, days } => {
                let Some(at) = pick(token, &self.tokens) else { return Ok(()) };
                let token = &mut self.tokens[at];
                let (grace, secret) = (GracePeriod::VARIANTS[*grace], TokenValue::generate(&mut random::os_rng()));
                let expiry = ExpiryChange::Set(expiry(*days));
                let rotation = Rotation { expiry, ..Rotation::to(&secret, grace, None) };
                let (current, earlier) = token.values.split_last_mut().unwrap();
                let is_rotating = earlier.iter().any(|value| value.lives(now));
                let (owner, uuid) = (&self.owners[token.member], &token.new.uuid);
                match db.write_blocking(|conn| rotate(conn, owner, uuid, &rotation, &actor)) {
                    Ok(_) => {
                        prop_assert!(!token.is_deleted && (grace == GracePeriod::None || !is_rotating));
                        earlier.iter_mut().for_each(|value| value.end(now));
                        let until = now + grace.duration();
                        if current.lives(now) && current.ends_at.is_none_or(|ends| ends > until) {
                            current.ends_at = Some(until);
                        }
                        let ends_at = self::expiry(*days).ends_at(now);
                        token.values.push(Value { secret, ends_at, was_refused: false });
                    }
                    Err(TokenChangeError::NotFound) => prop_assert!(token.is_deleted),
                    Err(TokenChangeError::RotationInProgress(_)) => {
                        prop_assert!(is_rotating && grace != GracePeriod::None);
                    }
                    Err(other) => prop_assert!(false, "{other}"),
                }
            }
            Step::Retire { token } => {
                let Some(at) = pick(token, &self.tokens) else { return Ok(()) };
                let token = &mut self.tokens[at];
                let (_, earlier) = token.values.split_last_mut().unwrap();
                let is_rotating = earlier.iter().any(|value| value.lives(now));
                let (owner, uuid) = (&self.owners[token.member], &token.new.uuid);
                match db.write_blocking(|conn| retire(conn, owner, uuid, &actor)) {
                    Ok(RetireOutcome::Stopped(_)) => {
                        prop_assert!(is_rotating);
                        earlier.iter_mut().for_each(|value| value.end(now));
                    }
                    Ok(RetireOutcome::AlreadyStopped(_)) => prop_assert!(!is_rotating),
                    Err(TokenChangeError::NotFound) => prop_assert!(token.is_deleted),
                    Err(other) => prop_assert!(false, "{other}"),
                }
            }
            Step::Delete { token } => {
                let Some(at) = pick(token, &self.tokens) else { return Ok(()) };
                let token = &mut self.tokens[at];
                let (owner, uuid) = (&self.owners[token.member], &token.new.uuid);
                let deleted =
                    db.write_blocking(|conn| delete(conn, owner, uuid, DeletionSource::Page, &actor)).unwrap();
                prop_assert_eq!(matches!(deleted, DeleteOutcome::AlreadyDeleted(_)), token.is_deleted);
                token.is_deleted = true;
                token.values.iter_mut().for_each(|value| value.end(now));
            }
        }
        Ok(())
    }

    /// Checks what must hold at every moment, of every value there ever was.
    fn look(&mut self) -> Result<(), TestCaseError> {
        let (db, now) = (&self.server.db, self.server.now());
        for (member, owner) in self.owners.iter().enumerate() {
            let live = self.tokens.iter().filter(|it| it.member == member && !it.is_deleted).count();
            let listed =
                db.read_blocking(|conn| owner_store::list_by_workspace(conn, self.workspaces[member])).unwrap();
            let theirs = listed.iter().filter(|(_, user)| user.email.as_str() == owner.email).count();
            prop_assert_eq!(theirs, live);
            prop_assert!(live <= 3);
        }
        for token in &mut self.tokens {
            let mut living = 0;
            for value in &mut token.values {
                let header = format!("Bearer {}", value.secret.reveal());
                let presented = credentials::parse(std::iter::once(header.as_bytes())).unwrap();
                let answer = db.read_blocking(|conn| authenticator::authenticate_uncached(conn, &presented, now));
                match answer {
                    Ok(caller) => {
                        prop_assert!(value.lives(now), "a value that ended opens the API");
                        prop_assert!(!value.was_refused, "a value that was refused opens the API again");
                        prop_assert_eq!(&caller.uuid, &token.new.uuid);
                        living += 1;
                    }
                    Err(error) => {
                        let AuthError::Rejected(Rejection { reason, .. }) = error else { panic!("{error}") };
                        prop_assert!(!value.lives(now), "an active value is rejected: {:?}", reason);
                        let is_ended = matches!(reason, RejectionReason::Ended { at, .. } if Some(at) == value.ends_at);
                        prop_assert!(is_ended, "{:?} for {:?}", reason, value.ends_at);
                        value.was_refused = true;
                    }
                }
                let answer = self.connection.get(self.path, &header);
                let is_allowed = answer.starts_with("HTTP/1.1 200 ");
                prop_assert_eq!(is_allowed, value.lives(now), "{}", answer);
                let expected = match value.ends_at {
                    Some(at) if !is_allowed => format!(" on {at}"),
                    _ if self.path == VERIFY => format!("x-auth-token: {}", token.new.uuid),
                    _ => continue,
                };
                prop_assert!(answer.contains(&expected), "no {}: {}", expected, answer);
            }
            prop_assert!(living <= 2, "{living} values of one token live");
        }
        Ok(())
    }
}

#[db_test]
fn tokens_behave_as_their_model_in_any_sequence_of_steps() {
    let config = Config { cases: 32, max_shrink_iters: 64, failure_persistence: None, ..Config::default() };
    // One server for all cases; each case has its own workspaces.
    let server = TestServer::start();
    let cases = Cell::new(0);
    let input = (prop::collection::vec(step(), 1..40), prop::sample::select(PATHS.to_vec()));
    // Not `proptest!`: with it, PROPTEST_CASES takes precedence over `cases`.
    let result = TestRunner::new(config).run(&input, |(steps, path)| {
        let nth = cases.replace(cases.get() + 1);
        let [acme, other] = ["acme", "other"]
            .map(|name| server.add_workspace(&format!("{name}-{nth}"), name, WorkspaceKind::Production));
        let owner = |name: &str, workspace: &Workspace| {
            let email = format!("{name}@example.org").parse().unwrap();
            server.add_to(workspace.slug.as_str(), name, Role::Editor);
            server
                .db
                .read_blocking(|conn| owner_store::find_owner_by_email(conn, &workspace.slug, &email))
                .unwrap()
                .unwrap()
        };
        let owners = [owner("alice", &acme), owner("bob", &acme), owner("charlie", &other)];
        let connection = Connection::open(server.address);
        let workspaces = [acme.key, acme.key, other.key];
        let mut world = World { server: &server, owners, workspaces, tokens: Vec::new(), connection, path };
        for step in &steps {
            world.take(step)?;
            world.look()?;
        }
        Ok(())
    });
    assert!(result.is_ok(), "{}", result.unwrap_err());
}
