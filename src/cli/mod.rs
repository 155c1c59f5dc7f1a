//! Commands: parsed here, done by the library. They work while a server runs on the same database.

mod database;
mod demo;
mod members;
mod serve;
mod tokens;
mod users;
mod workspaces;

use std::io::Write as _;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{Parser, Subcommand};

use crate::base::clock::Clock;
use crate::config::{ConfigError, DatabaseArgs, ServerArgs};
use crate::db::Db;
use crate::server::StartError;

/// Personal API access tokens for the members of a workspace, and the API that those tokens open.
///
/// Without a command, Latchkey serves. On its first start it prints a link that sets up the first administrator.
#[derive(Parser)]
#[command(name = "latchkey", version, args_conflicts_with_subcommands = false, after_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    data: DatabaseArgs,
    #[command(flatten)]
    server: ServerArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

const EXAMPLES: &str = "Examples:
  latchkey                                   serve on http://127.0.0.1:8080, data in ./data
  latchkey demo                              look around with sample people and tokens
  latchkey --public-url https://tokens.example --trusted-proxies 127.0.0.1
                                             serve behind a proxy with TLS on this machine
  latchkey user reset-password --email ada@example.org
                                             a link for somebody who forgot their password
  latchkey token delete 019ab3f0-…           stop a token now, while the server runs
  latchkey backup latchkey-monday.db         a consistent copy of the SQLite database, while the server runs
  latchkey copy --from data/latchkey.db --to postgres://latchkey@db.example/latchkey
                                             move to PostgreSQL

LATCHKEY_LOG=warn turns the access log off, LATCHKEY_LOG=debug says more.";

#[derive(Subcommand)]
enum Command {
    /// Serve pages and API (what happens without a command)
    Serve(ServerArgs),
    /// Serve a throw-away database with sample people, workspaces and tokens
    Demo(ServerArgs),
    /// Bring the database up to this program's schema, and stop
    Migrate,
    /// Copy a database into another that is empty, between SQLite and PostgreSQL in either direction
    ///
    /// Everything is copied but sessions, so people sign in again, and the record of failed sign-ins. Stop the servers
    /// on both databases first: what is written to the old one meanwhile stays there. If anything fails, the new one
    /// stays empty.
    Copy(database::CopyArgs),
    /// Write a backup of the SQLite database to a file, while the server runs
    ///
    /// The backup holds everything that was committed when it began, can be read by its owner alone, and is a database
    /// like any other: to restore it, stop the server and put it in the database's place. For PostgreSQL use `pg_dump`.
    Backup(database::BackupArgs),
    /// Users: add, list, set or reset a password, deactivate, activate
    #[command(subcommand)]
    User(users::UserCommand),
    /// Workspaces: add, list
    #[command(subcommand)]
    Workspace(workspaces::WorkspaceCommand),
    /// Members of a workspace: add, give another role, remove
    #[command(subcommand)]
    Member(members::MemberCommand),
    /// Tokens: create, rotate, retire, rename, list, delete
    #[command(subcommand)]
    Token(tokens::TokenCommand),
}

/// Why a command failed: a sentence, and the exit code that goes with it.
struct CliError {
    sentence: String,
    code: u8,
}

impl CliError {
    /// It could not be done.
    fn new(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), code: 1 }
    }

    /// It was asked for wrongly.
    fn usage(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), code: 2 }
    }
}

impl<E: std::error::Error> From<E> for CliError {
    fn from(error: E) -> Self {
        Self::new(error.to_string())
    }
}

type CliResult = Result<(), CliError>;

/// Parses the command line, does what it says, and returns the exit code: 0 done, 1 failed, 2 asked for wrongly.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::try_parse().unwrap_or_else(|error| redact_database_url(error).exit());
    env_logger::Builder::from_env(env_logger::Env::new().filter_or("LATCHKEY_LOG", "info,actix_server=warn")).init();
    let clock = Clock::System;
    let is_misplaced =
        cli.command.is_some() && Cli::try_parse_from(["latchkey"]).is_ok_and(|it| it.server != cli.server);
    let done = match cli.command {
        // Not ignored: whoever says --listen means it.
        Some(_) if is_misplaced => Err(CliError::usage(
            "say how the server is reached after the command that serves, like: latchkey serve --listen 127.0.0.1:8081",
        )),
        None => serve::serve(&cli.data, cli.server, clock),
        Some(Command::Serve(server)) => serve::serve(&cli.data, server, clock),
        Some(Command::Demo(server)) => demo::demo(server, clock),
        Some(Command::Copy(args)) => database::copy(&cli.data, &args),
        Some(Command::Backup(args)) => database::backup(&cli.data, &args),
        Some(command) => open(&cli.data).and_then(|db| match command {
            Command::User(command) => users::user(&db, command, &clock),
            Command::Workspace(command) => workspaces::workspace(&db, command, &clock),
            Command::Member(command) => members::member(&db, command, &clock),
            Command::Token(command) => tokens::token(&db, command, &clock),
            // Opening is migrating.
            Command::Migrate | Command::Serve(_) | Command::Demo(_) | Command::Copy(_) | Command::Backup(_) => {
                print("The database is up to date.")
            }
        }),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(CliError { sentence, code }) => {
            // libpq explains itself over several lines.
            eprintln!("latchkey: {}", sentence.split_whitespace().collect::<Vec<_>>().join(" "));
            ExitCode::from(code)
        }
    }
}

/// The same complaint without the database URL that was typed: it may hold a password.
fn redact_database_url(mut error: clap::Error) -> clap::Error {
    let is_about_it = error.get(ContextKind::InvalidArg).is_some_and(|arg| {
        let arg = arg.to_string();
        ["--database-url", "--from", "--to"].iter().any(|name| arg.split(' ').next() == Some(*name))
    });
    if is_about_it && error.get(ContextKind::InvalidValue).is_some() {
        error.insert(ContextKind::InvalidValue, ContextValue::String("…".to_owned()));
    }
    error
}

fn open(data: &DatabaseArgs) -> Result<Db, CliError> {
    let url = data.database().map_err(|error| CliError::usage(error.to_string()))?;
    Ok(Db::open_with(&url, &data.limits())?)
}

/// Prints text and a line break on standard output. A reader that has gone away is no failure of ours.
fn print(text: &str) -> CliResult {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Says something to the person, beside what a script reads. Who does not listen misses nothing.
fn eprint_note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn start_failure(error: StartError) -> CliError {
    match error {
        StartError::Config(
            error @ (ConfigError::NoPublicUrl(_)
            | ConfigError::Insecure(_)
            | ConfigError::PlaintextDatabase(..)
            | ConfigError::Secret(..)),
        ) => CliError::usage(error.to_string()),
        other => CliError::new(other.to_string()),
    }
}
