//! The command line: parses commands and calls the library's use cases. Commands work while a server runs on the same
//! database. Command-line code must not contain queries.

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

/// A failed command: the message and the exit code.
struct CliError {
    message: String,
    code: u8,
}

impl CliError {
    /// The command failed: exit code 1.
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 1 }
    }

    /// The command line or the configuration is invalid: exit code 2.
    fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 2 }
    }
}

impl<E: std::error::Error> From<E> for CliError {
    fn from(error: E) -> Self {
        Self::new(error.to_string())
    }
}

type CliResult = Result<(), CliError>;

/// Parses the command line, runs the command, and returns the exit code: 0 success, 1 failure, 2 invalid usage.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::try_parse().unwrap_or_else(|error| redact_database_url(error).exit());
    env_logger::Builder::from_env(env_logger::Env::new().filter_or("LATCHKEY_LOG", "info,actix_server=warn")).init();
    let clock = Clock::System;
    let is_misplaced =
        cli.command.is_some() && Cli::try_parse_from(["latchkey"]).is_ok_and(|default| default.server != cli.server);
    let result = match cli.command {
        // Server options before another command are an error, because ignoring them would hide a mistake.
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
            // `open` has migrated the database.
            Command::Migrate | Command::Serve(_) | Command::Demo(_) | Command::Copy(_) | Command::Backup(_) => {
                print("The database is up to date.")
            }
        }),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(CliError { message, code }) => {
            // libpq's messages have several lines.
            eprintln!("latchkey: {}", message.split_whitespace().collect::<Vec<_>>().join(" "));
            ExitCode::from(code)
        }
    }
}

/// Removes the database URL from the error: it may contain a password.
fn redact_database_url(mut error: clap::Error) -> clap::Error {
    let is_database_url = error.get(ContextKind::InvalidArg).is_some_and(|arg| {
        let arg = arg.to_string();
        ["--database-url", "--from", "--to"].iter().any(|name| arg.split(' ').next() == Some(*name))
    });
    if is_database_url && error.get(ContextKind::InvalidValue).is_some() {
        error.insert(ContextKind::InvalidValue, ContextValue::String("…".to_owned()));
    }
    error
}

fn open(data: &DatabaseArgs) -> Result<Db, CliError> {
    let url = data.database().map_err(|error| CliError::usage(error.to_string()))?;
    Ok(Db::open_with(&url, &data.limits())?)
}

/// Prints text and a line break to standard output. A closed pipe is not an error.
fn print(text: &str) -> CliResult {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Prints a note to standard error, apart from the output for scripts. Write errors are ignored.
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
