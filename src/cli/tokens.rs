//! `latchkey token`.

use clap::Subcommand;
use serde::Serialize;

use latchkey::accounts::EmailAddress;
use latchkey::kernel::clock::{Clock, Timestamp};
use latchkey::kernel::db::Db;
use latchkey::kernel::id::Id;
use latchkey::kernel::rng;
use latchkey::tokens::value::TokenValue;
use latchkey::tokens::{Deleted, Deletion, NewToken, TokenName, Via, create, delete, store};
use latchkey::workspaces::Slug;

use super::people::find;
use super::{Done, Failure, print};

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
struct Line<'a> {
    uuid: &'a Id,
    name: &'a str,
    email: &'a str,
    hint: &'a str,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
    last_used_ip: Option<&'a str>,
    last_used_agent: Option<&'a str>,
}

pub fn token(db: &Db, command: TokenCommand, clock: &Clock) -> Done {
    let now = clock.now();
    match command {
        TokenCommand::Create { workspace, email, name } => {
            find(db, &workspace)?;
            let owner = db
                .read_blocking(|conn| store::owner_by_email(conn, &workspace, &email))?
                .ok_or_else(|| Failure::new(format!("{} is not a member of {workspace}", email.as_str())))?;
            let value = TokenValue::generate(&mut rng::secure());
            let new = NewToken::new(name, &value, None, now, &mut rng::secure());
            db.write_blocking(|conn| create(conn, &owner, &new, None))?;
            print(value.reveal())
        }
        TokenCommand::List { workspace, json } => {
            let workspace = find(db, &workspace)?;
            let tokens = db.read_blocking(|conn| store::of_workspace(conn, workspace.key()))?;
            let lines: Vec<Line<'_>> = tokens
                .iter()
                .map(|(token, email)| {
                    let last = token.current.last_use.as_ref();
                    Line {
                        uuid: &token.uuid,
                        name: token.name.as_str(),
                        email: email.as_str(),
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
                return print(&serde_json::to_string_pretty(&lines)?);
            }
            let text = |line: &Line<'_>| {
                let last = line.last_used_at.map_or_else(|| "never".to_owned(), |at| at.to_string());
                format!("{}\t{}\t{}\trpat…{}\t{}\t{last}", line.uuid, line.name, line.email, line.hint, line.created_at)
            };
            print(
                &std::iter::once("uuid\tname\temail\thint\tcreated_at\tlast_used_at".to_owned())
                    .chain(lines.iter().map(text))
                    .collect::<Vec<_>>()
                    .join("\n"),
            )
        }
        TokenCommand::Delete { uuid } => {
            let missing = || {
                Failure::new(format!("there is no token {uuid}; `latchkey token list --workspace …` shows their uuids"))
            };
            let id: Id = uuid.parse().map_err(|_| missing())?;
            let owner = db.read_blocking(|conn| store::owner_of(conn, &id))?.ok_or_else(missing)?;
            let deletion = Deletion { via: Via::CommandLine, by: None, client: None, at: now };
            match db.write_blocking(|conn| delete(conn, &owner, &id, &deletion))? {
                Deleted::Now(name) => print(&format!(
                    "Deleted the token {} of {}. It is refused from the next request on.",
                    name.as_str(),
                    owner.email
                )),
                Deleted::Before(name) => {
                    print(&format!("The token {} of {} was deleted before.", name.as_str(), owner.email))
                }
                Deleted::Missing => Err(missing()),
            }
        }
    }
}
