//! `latchkey check-config`: the effective settings and their sources.

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _};

use crate::cli::{Cli, CliError, CliResult, print};
use crate::config::{DatabaseArgs, ServerArgs};

/// Prints each setting of `serve` with its value and its source, then checks the settings that depend on each other.
pub(super) fn check_config(data: &DatabaseArgs, server: &ServerArgs, matches: &ArgMatches) -> CliResult {
    let (_, matches) = matches.subcommand().ok_or_else(|| CliError::usage("no command"))?;
    let command = Cli::command();
    let mut rows = Vec::new();
    for arg in command.get_arguments().filter(|arg| arg.get_env().is_some()) {
        let (id, flag) = (arg.get_id().as_str(), arg.get_long().unwrap_or_default());
        let source = match matches.value_source(id) {
            Some(ValueSource::CommandLine) => format!("--{flag}"),
            Some(ValueSource::EnvVariable) => arg.get_env().unwrap_or_default().to_string_lossy().into_owned(),
            _ => "default".to_owned(),
        };
        let value = match (id, &data.database_url) {
            // The displayed URL has no password.
            ("database_url", Some(url)) => url.to_string(),
            _ => raw_values(matches, id),
        };
        rows.push((flag.to_owned(), value, source));
    }
    let width = rows.iter().map(|(_, value, _)| value.chars().count()).max().unwrap_or_default();
    for (flag, value, source) in rows {
        print(&format!("{flag:<27} {value:<width$} {source}"))?;
    }
    let invalid = |error: crate::config::ConfigError| CliError::usage(error.to_string());
    let database = data.database().map_err(invalid)?;
    let public_url = server.public_url(server.listen).map_err(invalid)?;
    server.introspection_secrets().map_err(invalid)?;
    print(&format!("\nThe settings are valid: {database}, reached at {}", public_url.origin()))
}

fn raw_values(matches: &ArgMatches, id: &str) -> String {
    let values = matches.get_raw(id).map(|values| values.map(|value| value.to_string_lossy()).collect::<Vec<_>>());
    values.map_or_else(|| "-".to_owned(), |values| values.join(","))
}
