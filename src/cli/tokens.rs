//! `latchkey token`: parses arguments and calls the use cases. A value may be printed only by the command that
//! generates it.

use clap::Subcommand;
use serde::Serialize;

use crate::accounts::model::EmailAddress;
use crate::base::clock::{Clock, Timestamp};
use crate::base::id::PublicId;
use crate::base::random;
use crate::cli::workspaces::find;
use crate::cli::{CliError, CliResult, print};
use crate::db::Db;
use crate::tokens::create::create;
use crate::tokens::delete::{DeleteOutcome, delete};
use crate::tokens::expiry::{Expiry, GracePeriod};
use crate::tokens::model::{
    Deletion, DeletionSource, ExpiryChange, NewToken, Rotation, RotationReason, TokenName, TokenOwner,
};
use crate::tokens::rename::rename;
use crate::tokens::rotate::{RetireOutcome, retire, rotate};
use crate::tokens::secret::TokenValue;
use crate::tokens::store;
use crate::workspaces::model::Slug;

#[derive(Subcommand)]
pub enum TokenCommand {
    /// Create a token for a member and print its value, alone, on standard output: it is shown this once
    Create {
        /// The workspace's slug
        #[arg(long)]
        workspace: Slug,
        /// The member's e-mail address
        #[arg(long)]
        email: EmailAddress,
        /// What the token is for
        #[arg(long)]
        name: TokenName,
        /// Let it expire after so many days (30, 60, 90 or 365) or at the end of a day (2027-03-31, UTC)
        #[arg(long, value_name = "DAYS|DATE", default_value = "never")]
        expires: String,
    },
    /// Give a token a new value and print it, alone, on standard output; name and place stay
    Rotate {
        /// The token's uuid
        uuid: String,
        /// How long the old value goes on working: none, 1h, 24h, 7d or 30d
        #[arg(long, default_value_t = GracePeriod::Day)]
        grace: GracePeriod,
        /// Somebody else may have the old value: stops it at once, and writes down why
        #[arg(long, conflicts_with = "grace")]
        exposed: bool,
        /// When the new value expires: 30, 60, 90 or 365 days, a date, never [default: as the old one]
        #[arg(long, value_name = "DAYS|DATE")]
        expires: Option<String>,
    },
    /// Stop the old value of a token that is being rotated
    Retire {
        /// The token's uuid
        uuid: String,
    },
    /// Give a token another name
    Rename {
        /// The token's uuid
        uuid: String,
        /// The new name
        #[arg(long)]
        name: TokenName,
    },
    /// List the tokens of a workspace; never a value
    List {
        /// The workspace's slug
        #[arg(long)]
        workspace: Slug,
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Delete a token: it stops at the server's next request
    Delete {
        /// The token's uuid, as `token list` shows it
        uuid: String,
    },
}

#[derive(Serialize)]
struct TokenListRow<'a> {
    uuid: &'a PublicId,
    name: &'a str,
    email: &'a str,
    hint: &'a str,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
    last_used_ip: Option<&'a str>,
    last_used_agent: Option<&'a str>,
}

pub fn token(db: &Db, command: TokenCommand, clock: &Clock) -> CliResult {
    let now = clock.now();
    match command {
        TokenCommand::Create { workspace, email, name, expires } => {
            let expiry = parse_expiry(&expires, now)?;
            find(db, &workspace)?;
            let owner = db
                .read_blocking(|conn| store::find_owner_by_email(conn, &workspace, &email))?
                .ok_or_else(|| CliError::new(format!("{} is not a member of {workspace}", email.as_str())))?;
            let value = TokenValue::generate(&mut random::os_rng());
            let new = NewToken::new(name, &value, None, expiry, now, &mut random::os_rng());
            db.write_blocking(|conn| create(conn, &owner, &new, None))?;
            print(value.reveal())
        }
        TokenCommand::List { workspace, json } => {
            let workspace = find(db, &workspace)?;
            let tokens = db.read_blocking(|conn| store::list_by_workspace(conn, workspace.key()))?;
            let rows: Vec<TokenListRow<'_>> = tokens
                .iter()
                .map(|(token, owner)| {
                    let last = token.current.last_use.as_ref();
                    TokenListRow {
                        uuid: &token.uuid,
                        name: token.name.as_str(),
                        email: owner.email.as_str(),
                        hint: &token.current.hint,
                        created_at: token.created_at,
                        expires_at: token.current.ends_at,
                        last_used_at: last.map(|last| last.at),
                        last_used_ip: last.and_then(|last| last.ip.as_deref()),
                        last_used_agent: last.and_then(|last| last.agent.as_deref()),
                    }
                })
                .collect();
            if json {
                return print(&serde_json::to_string_pretty(&rows)?);
            }
            let line = |row: &TokenListRow<'_>| {
                let last = row.last_used_at.map_or_else(|| "never".to_owned(), |at| at.to_string());
                format!("{}\t{}\t{}\trpat…{}\t{}\t{last}", row.uuid, row.name, row.email, row.hint, row.created_at)
            };
            print(
                &std::iter::once("uuid\tname\temail\thint\tcreated_at\tlast_used_at".to_owned())
                    .chain(rows.iter().map(line))
                    .collect::<Vec<_>>()
                    .join("\n"),
            )
        }
        TokenCommand::Rotate { uuid, grace, exposed, expires } => {
            let (id, owner) = find_owner(db, &uuid)?;
            let value = TokenValue::generate(&mut random::os_rng());
            let expiry =
                expires.map_or(Ok(ExpiryChange::Keep), |text| parse_expiry(&text, now).map(ExpiryChange::Set))?;
            let (grace, cause) =
                if exposed { (GracePeriod::None, RotationReason::Exposure) } else { (grace, RotationReason::Routine) };
            let rotation = Rotation { expiry, cause, ..Rotation::to(&value, grace, None, now) };
            db.write_blocking(|conn| rotate(conn, &owner, &id, &rotation, None))?;
            print(value.reveal())
        }
        TokenCommand::Retire { uuid } => {
            let (id, owner) = find_owner(db, &uuid)?;
            match db.write_blocking(|conn| retire(conn, &owner, &id, None, now))? {
                RetireOutcome::Stopped(name) => {
                    print(&format!("The old value of the token {} has stopped.", name.as_str()))
                }
                RetireOutcome::AlreadyStopped(name) => {
                    print(&format!("The token {} has no old value that works.", name.as_str()))
                }
            }
        }
        TokenCommand::Rename { uuid, name } => {
            let (id, owner) = find_owner(db, &uuid)?;
            db.write_blocking(|conn| rename(conn, &owner, &id, &name, None, now))?;
            print(&format!("The token is called {} now.", name.as_str()))
        }
        TokenCommand::Delete { uuid } => {
            let (id, owner) = find_owner(db, &uuid)?;
            let deletion = Deletion { via: DeletionSource::CommandLine, by: None, client: None, at: now };
            match db.write_blocking(|conn| delete(conn, &owner, &id, &deletion))? {
                DeleteOutcome::Deleted(name) => print(&format!(
                    "Deleted the token {} of {}. It is refused from the next request on.",
                    name.as_str(),
                    owner.email
                )),
                DeleteOutcome::AlreadyDeleted(name) => {
                    print(&format!("The token {} of {} was deleted before.", name.as_str(), owner.email))
                }
                DeleteOutcome::NotFound => Err(not_found(&uuid)),
            }
        }
    }
}

fn not_found(uuid: &str) -> CliError {
    CliError::new(format!("there is no token {uuid}; `latchkey token list --workspace …` shows their uuids"))
}

fn find_owner(db: &Db, uuid: &str) -> Result<(PublicId, TokenOwner), CliError> {
    let id: PublicId = uuid.parse().map_err(|_| not_found(uuid))?;
    let owner = db.read_blocking(|conn| store::find_owner(conn, &id))?.ok_or_else(|| not_found(uuid))?;
    Ok((id, owner))
}

/// Parses a number of days, a date or `never`.
fn parse_expiry(text: &str, now: Timestamp) -> Result<Expiry, CliError> {
    let parsed = if text.contains('-') { Expiry::parse("date", text, now) } else { Expiry::parse(text, "", now) };
    parsed.map_err(|error| CliError::usage(format!("--expires {text}: {error}")))
}
