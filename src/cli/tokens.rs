//! `latchkey token`: parses arguments and calls the use cases. A value may be printed only by the command that
//! generates it.

use clap::Subcommand;
use serde::Serialize;

use crate::accounts::model::EmailAddress;
use crate::audit::actor::Actor;
use crate::base::clock::{Clock, Timestamp};
use crate::base::day::Day;
use crate::base::id::PublicId;
use crate::base::local_time::TimeFormat;
use crate::base::note::Note;
use crate::base::random;
use crate::cli::token_usage::print_usage;
use crate::cli::workspaces::find;
use crate::cli::{CliError, CliResult, eprint_note, print, print_table};
use crate::db::Db;
use crate::tokens::create::create;
use crate::tokens::delete::{DeleteOutcome, delete};
use crate::tokens::expiry::{Expiry, GracePeriod};
use crate::tokens::model::{DeletionSource, ExpiryChange, NewToken, Rotation, RotationReason, TokenName, TokenOwner};
use crate::tokens::note::change_note;
use crate::tokens::owner_store;
use crate::tokens::rename::rename;
use crate::tokens::rotate::{RetireOutcome, retire, rotate};
use crate::tokens::secret::TokenValue;
use crate::usage::day_store;
use crate::workspaces::model::Slug;

#[derive(Subcommand)]
pub(super) enum TokenCommand {
    /// Create a token for a member and print only its value; it can't be shown again
    #[command(
        after_help = "Example: latchkey token create --workspace acme --email ada@example.org --name Reporting --expires 90"
    )]
    Create {
        /// The workspace's slug
        #[arg(long)]
        workspace: Slug,
        /// The member's email address
        #[arg(long, value_parser = EmailAddress::for_lookup)]
        email: EmailAddress,
        /// What the token is for
        #[arg(long)]
        name: TokenName,
        /// Expiry: days (30, 60, 90 or 365), a date (2027-03-31, end of the day in UTC) or never
        #[arg(long, value_name = "DAYS|DATE", default_value = "never")]
        expires: String,
    },
    /// Replace the value of a token and print only the new value; the name is unchanged
    #[command(after_help = "Example: latchkey token rotate 019ab3f0-7c1e-7d52-8a43-5b2f9c0d1e2f --grace 24h")]
    Rotate {
        /// The token's uuid
        uuid: String,
        /// How long the old value keeps working: none, 1h, 24h, 7d or 30d
        #[arg(long, default_value_t = GracePeriod::Day)]
        grace: GracePeriod,
        /// Someone else may have the old value: stops it immediately and records the reason
        #[arg(long, conflicts_with = "grace")]
        exposed: bool,
        /// Expiry of the new value: 30, 60, 90 or 365 days, a date or never [default: valid as long as the old value]
        #[arg(long, value_name = "DAYS|DATE")]
        expires: Option<String>,
    },
    /// Stop the old value of a token that is being rotated
    Retire {
        /// The token's uuid
        uuid: String,
    },
    /// Rename a token
    Rename {
        /// The token's uuid
        uuid: String,
        /// The new name
        #[arg(long)]
        name: TokenName,
    },
    /// Set the note of a token: where its value is stored, who runs the integration
    Note {
        /// The token's uuid
        uuid: String,
        /// The note, at most 280 characters; an empty one removes it
        #[arg(long)]
        text: String,
    },
    /// Show the calls of a token by day, and its callers
    Usage {
        /// The token's uuid
        uuid: String,
        /// Print a JSON object
        #[arg(long)]
        json: bool,
    },
    /// List the tokens of a workspace, without their values
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
    calls_30d: i64,
    note: Option<&'a str>,
}

pub(super) fn token(db: &Db, command: TokenCommand, clock: &Clock) -> CliResult {
    let now = clock.now();
    let actor = Actor::command_line(now);
    match command {
        TokenCommand::Create { workspace, email, name, expires } => {
            let expiry = parse_expiry(&expires, now)?;
            find(db, &workspace)?;
            let owner = db
                .read_blocking(|conn| owner_store::find_owner_by_email(conn, &workspace, &email))?
                .ok_or_else(|| CliError::new(format!("{email} is not a member of {workspace}")))?;
            let value = TokenValue::generate(&mut random::os_rng());
            let new = NewToken::new(name, &value, None, expiry, now, &mut random::os_rng());
            db.write_blocking(|conn| create(conn, &owner, &new, &actor))?;
            print(value.reveal())
        }
        TokenCommand::List { workspace, json } => {
            let workspace = find(db, &workspace)?;
            let tokens = db.read_blocking(|conn| owner_store::list_by_workspace(conn, workspace.key))?;
            let today = Day::containing(now);
            let calls = db.read_blocking(|conn| day_store::calls_by_token(conn, workspace.key, today, 30))?;
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
                        calls_30d: calls.get(&token.key).copied().unwrap_or(0),
                        note: token.note.as_ref().map(Note::as_str),
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
            print_table("uuid\tname\temail\thint\tcreated_at\tlast_used_at", rows.iter().map(line))
        }
        TokenCommand::Rotate { uuid, grace, exposed, expires } => {
            let (id, owner) = find_owner(db, &uuid)?;
            let value = TokenValue::generate(&mut random::os_rng());
            let expiry =
                expires.map_or(Ok(ExpiryChange::Keep), |text| parse_expiry(&text, now).map(ExpiryChange::Set))?;
            let (grace, cause) =
                if exposed { (GracePeriod::None, RotationReason::Exposure) } else { (grace, RotationReason::Routine) };
            let rotation = Rotation { expiry, cause, ..Rotation::to(&value, grace, None) };
            let rotated = db.write_blocking(|conn| rotate(conn, &owner, &id, &rotation, &actor))?;
            print(value.reveal())?;
            eprint_note(&rotated.old_value.describe(&TimeFormat::utc(now)));
            Ok(())
        }
        TokenCommand::Retire { uuid } => {
            let (id, owner) = find_owner(db, &uuid)?;
            match db.write_blocking(|conn| retire(conn, &owner, &id, &actor))? {
                RetireOutcome::Stopped(name) => print(&format!("Stopped the old value of the token {name}.")),
                RetireOutcome::AlreadyStopped(name) => {
                    print(&format!("The old value of the token {name} had already stopped."))
                }
            }
        }
        TokenCommand::Rename { uuid, name } => {
            let (id, owner) = find_owner(db, &uuid)?;
            db.write_blocking(|conn| rename(conn, &owner, &id, &name, &actor))?;
            print(&format!("Renamed the token to {name}."))
        }
        TokenCommand::Note { uuid, text } => {
            let note = Note::parse_optional(&text).map_err(|error| CliError::usage(format!("--text: {}", error.0)))?;
            let (id, owner) = find_owner(db, &uuid)?;
            db.write_blocking(|conn| change_note(conn, &owner, &id, note.as_ref(), &actor))?;
            print(if note.is_some() { "Changed the note." } else { "Removed the note." })
        }
        TokenCommand::Usage { uuid, json } => {
            let (id, owner) = find_owner(db, &uuid)?;
            print_usage(db, &owner, &id, json, now)?.ok_or_else(|| not_found(&uuid))
        }
        TokenCommand::Delete { uuid } => {
            let (id, owner) = find_owner(db, &uuid)?;
            match db.write_blocking(|conn| delete(conn, &owner, &id, DeletionSource::CommandLine, &actor))? {
                DeleteOutcome::Deleted(name) => print(&format!(
                    "Deleted the token {name} of {}. It is rejected from the next request on.",
                    owner.email
                )),
                DeleteOutcome::AlreadyDeleted(name) => {
                    print(&format!("The token {name} of {} was already deleted.", owner.email))
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
    let owner = db.read_blocking(|conn| owner_store::find_owner(conn, &id))?.ok_or_else(|| not_found(uuid))?;
    Ok((id, owner))
}

/// Parses a number of days, a date or `never`.
fn parse_expiry(text: &str, now: Timestamp) -> Result<Expiry, CliError> {
    let utc = TimeFormat::utc(now);
    let parsed = if text.contains('-') { Expiry::parse("date", text, &utc) } else { Expiry::parse(text, "", &utc) };
    parsed.map_err(|error| CliError::usage(format!("--expires {text}: {error}")))
}
