//! The command line: parses commands and calls the library's use cases. Commands work while a server runs on the same
//! database. Command-line code must not contain queries.

mod arguments;
mod check_config;
mod database;
mod demo;
mod demo_usage;
mod members;
mod serve;
mod token_usage;
mod tokens;
mod users;
mod workspaces;

use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args as _, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::base::clock::Clock;
use crate::config::{DatabaseArgs, LogFilter, ServerArgs};
use crate::db::Db;
use crate::server::StartError;

/// Personal API access tokens for the members of a workspace, and the API that accepts them.
///
/// Without a command, Latchkey serves pages and API. Its first start prints a link to create the first administrator.
#[derive(Parser)]
#[command(name = "latchkey", version, args_conflicts_with_subcommands = false, after_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    data: DatabaseArgs,
    #[command(flatten)]
    server: ServerArgs,
    /// Level of the log, and of parts of it: warn turns the access log off, debug adds detail
    #[arg(long, env = "LATCHKEY_LOG", default_value_t, value_name = "FILTER", global = true)]
    log: LogFilter,
    #[command(subcommand)]
    command: Option<Command>,
}

const EXAMPLES: &str = "Examples:
  latchkey                                   serve on http://127.0.0.1:8080, data in ./data
  latchkey demo                              serve sample data in a temporary database
  latchkey --public-url https://tokens.example --trusted-proxies 127.0.0.1
                                             serve behind a proxy with TLS on this machine
  latchkey user reset-password --email ada@example.org
                                             print a link to set a new password
  latchkey token delete 019ab3f0-…           stop a token now, while the server runs
  latchkey backup --keep 28 backups/         a consistent copy of the SQLite database, while the server runs
  latchkey restore backups/latchkey-2026-11-23T18-21-04Z.db
                                             replace the SQLite database, while no server runs
  latchkey copy --from data/latchkey.db --to 'postgres://latchkey@/latchkey?host=/run/postgresql'
                                             move to PostgreSQL on this machine
  latchkey check-config                      the effective settings, checked";

#[derive(Subcommand)]
enum Command {
    /// Serve pages and API (the default command)
    Serve(ServerArgs),
    /// Serve a temporary database with sample users, workspaces and tokens
    Demo(ServerArgs),
    /// Print the effective settings of `serve`, each with its source, and check them
    ///
    /// Secrets are not shown. The exit code is 2 if a setting is invalid. Neither the database nor the network is used.
    CheckConfig(ServerArgs),
    /// Migrate the database to this program's schema and exit
    Migrate,
    /// Copy a database into an empty one, between SQLite and PostgreSQL in either direction
    ///
    /// Sessions and the record of failed logins are not copied, so users sign in again. Stop the servers on both databases
    /// first: later writes to the source are not copied. If anything fails, the target stays empty.
    #[command(
        after_help = "Example: latchkey copy --from data/latchkey.db --to 'postgres://latchkey@/latchkey?host=/run/postgresql'"
    )]
    Copy(database::CopyArgs),
    /// Write a backup of the SQLite database to a file, while the server runs
    ///
    /// The backup contains everything that was committed when it began, and only its owner can read it. For PostgreSQL the
    /// command prints a line with `pg_dump`. Once a backup was made, administrators see when the last one is older than two
    /// days.
    Backup(database::BackupArgs),
    /// Replace the SQLite database by a backup, while no server runs
    ///
    /// The backup is checked first. The previous files stay, with the time at the end of their names. Sessions and one-time
    /// links are removed, and tokens that were deleted after the backup work again. For PostgreSQL the command prints a line
    /// with `pg_restore`.
    Restore(database::RestoreArgs),
    /// Users: add, list, set or verify an email address, set or reset a password, deactivate, activate
    #[command(subcommand)]
    User(users::UserCommand),
    /// Workspaces: add, list
    #[command(subcommand)]
    Workspace(workspaces::WorkspaceCommand),
    /// Members of a workspace: add, change role, remove
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
    let starting = exit_on_signals();
    let args: Vec<OsString> = std::env::args_os().collect();
    let parsed = arguments::parse(Cli::command(), &args);
    let parsed = parsed.and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, matches)));
    let (cli, matches) = parsed.unwrap_or_else(|error| error.exit());
    env_logger::Builder::new().parse_filters(cli.log.as_str()).init();
    let clock = Clock::System;
    let is_misplaced = cli.command.is_some() && has_server_options(&matches);
    let result = match cli.command {
        // Server options before another command are an error, because ignoring them would hide a mistake.
        Some(_) if is_misplaced => {
            Err(CliError::usage("server options must follow the command, like: latchkey serve --listen 127.0.0.1:8081"))
        }
        None => serve::serve(&cli.data, cli.server, clock, &starting),
        Some(Command::Serve(server)) => serve::serve(&cli.data, server, clock, &starting),
        Some(Command::Demo(server)) => demo::demo(server, clock, &starting),
        Some(Command::CheckConfig(server)) => check_config::check_config(&cli.data, &server, &matches),
        Some(Command::Copy(args)) => database::copy(&cli.data, &args),
        Some(Command::Restore(args)) => database::restore(&cli.data, &args, &clock),
        Some(Command::Backup(args)) => database::backup(&cli.data, &args, &clock),
        Some(command) => open(&cli.data).and_then(|db| match command {
            Command::User(command) => users::user(&db, command, &clock),
            Command::Workspace(command) => workspaces::workspace(&db, command, &clock),
            Command::Member(command) => members::member(&db, command, &clock),
            Command::Token(command) => tokens::token(&db, command, &clock),
            // `open` has migrated the database.
            Command::Migrate
            | Command::Serve(_)
            | Command::Demo(_)
            | Command::CheckConfig(_)
            | Command::Copy(_)
            | Command::Backup(_)
            | Command::Restore(_) => print("The database is up to date."),
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

/// Ends the process on SIGTERM and SIGINT until the flag is false. The kernel's default would ignore them in the first process
/// of a container.
fn exit_on_signals() -> Arc<AtomicBool> {
    let starting = Arc::new(AtomicBool::new(true));
    for signal in [SIGTERM, SIGINT] {
        // Fails only for signals that can't be handled.
        let _ = signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&starting));
    }
    starting
}

/// Returns whether an option of the server was typed before the command.
fn has_server_options(matches: &ArgMatches) -> bool {
    let server = ServerArgs::augment_args(clap::Command::new(""));
    server.get_arguments().any(|arg| {
        let id = arg.get_id().as_str();
        matches.try_contains_id(id).is_ok() && matches.value_source(id) == Some(ValueSource::CommandLine)
    })
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

/// Prints rows of cells separated by tabs, under a header: for scripts as they are, on a terminal in aligned columns.
fn print_table(header: &str, rows: impl Iterator<Item = String>) -> CliResult {
    let lines: Vec<String> = std::iter::once(header.to_owned()).chain(rows).collect();
    let lines = if std::io::stdout().is_terminal() { align(&lines) } else { lines };
    print(&lines.join("\n"))
}

fn align(lines: &[String]) -> Vec<String> {
    let mut widths = Vec::new();
    for line in lines {
        for (column, cell) in line.split('\t').enumerate() {
            widths.resize(widths.len().max(column + 1), 0);
            widths[column] = cell.chars().count().max(widths[column]);
        }
    }
    let pad = |line: &String| {
        let cells = line.split('\t').zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    lines.iter().map(pad).collect()
}

/// Prints a note to standard error, apart from the output for scripts. Write errors are ignored.
fn eprint_note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn start_failure(error: StartError) -> CliError {
    match error {
        StartError::Config(error) => CliError::usage(error.to_string()),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_on_a_terminal_has_aligned_columns() {
        let lines = ["uuid\tname", "1\tZoë", "10000\tx"].map(str::to_owned);
        assert_eq!(align(&lines), ["uuid   name", "1      Zoë", "10000  x"]);
    }
}
