//! Reads the command line and the environment variables of its options.

use std::ffi::OsString;

use clap::builder::BoolishValueParser;
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, ArgMatches, Command};

/// Parses the arguments. An empty environment variable, as Docker Compose sets one without a value, means that it is not set;
/// a switch accepts 1, true, yes and on.
pub(super) fn parse(command: Command, args: &[OsString]) -> Result<ArgMatches, clap::Error> {
    let command = with_environment(command);
    command.clone().try_get_matches_from(args).map_err(|error| {
        let error = redact_database_url(error);
        name_environment_variable(error, &command, args)
    })
}

fn with_environment(command: Command) -> Command {
    let subcommands: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    let command = command.mut_args(|arg| {
        let Some(name) = arg.get_env() else { return arg };
        let is_empty = variable(name).is_some_and(|value| value.is_empty());
        let arg = if matches!(arg.get_action(), ArgAction::SetTrue) {
            arg.value_parser(BoolishValueParser::new())
        } else {
            arg
        };
        if is_empty { arg.env(None::<&'static str>) } else { arg }
    });
    subcommands.into_iter().fold(command, |command, name| command.mut_subcommand(name, with_environment))
}

fn variable(name: &std::ffi::OsStr) -> Option<OsString> {
    std::env::var_os(name)
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

/// Names the environment variable in the error if the invalid value is from there.
fn name_environment_variable(mut error: clap::Error, command: &Command, args: &[OsString]) -> clap::Error {
    let Some(ContextValue::String(shown)) = error.get(ContextKind::InvalidArg) else { return error };
    let flag = shown.split(' ').next().unwrap_or_default();
    let is_typed = args.iter().any(|arg| arg.to_string_lossy().split('=').next() == Some(flag));
    let name = find_argument(command, flag.trim_start_matches('-')).and_then(Arg::get_env);
    if let Some(name) = name.filter(|name| !is_typed && variable(name).is_some()) {
        let name = name.to_string_lossy().into_owned();
        error.insert(ContextKind::InvalidArg, ContextValue::String(name));
    }
    error
}

fn find_argument<'a>(command: &'a Command, long: &str) -> Option<&'a Arg> {
    let own = command.get_arguments().find(|arg| arg.get_long() == Some(long));
    own.or_else(|| command.get_subcommands().find_map(|sub| find_argument(sub, long)))
}
