//! `latchkey copy` and `latchkey backup`, for whole databases. Neither may migrate its source database.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;

use crate::cli::{CliError, CliResult, print};
use crate::config::DatabaseArgs;
use crate::db::DatabaseUrl;
use crate::db::backup::{BackupError, back_up};
use crate::db::copy::{self, CopyError, Progress};

/// Rows of a table between two lines of progress.
const PROGRESS_INTERVAL_ROWS: i64 = 10_000;

/// From where to where.
#[derive(Args)]
pub struct CopyArgs {
    /// The database to read: a path, <sqlite://PATH> or <postgres://USER@HOST/NAME>
    #[arg(long, value_name = "URL")]
    from: DatabaseUrl,
    /// The database to fill; a SQLite file is made, an empty PostgreSQL database is migrated first
    #[arg(long, value_name = "URL")]
    to: DatabaseUrl,
}

/// Where to.
#[derive(Args)]
pub struct BackupArgs {
    /// The file to make; must not exist
    file: PathBuf,
}

pub fn copy(data: &DatabaseArgs, args: &CopyArgs) -> CliResult {
    for url in [&args.from, &args.to] {
        data.allows(url).map_err(|error| CliError::usage(error.to_string()))?;
    }
    copy::copy(&args.from, &args.to, &print_progress).map_err(|error| match error {
        CopyError::Same(_) => CliError::usage(error.to_string()),
        other => other.into(),
    })?;
    print(&format!(
        "Copied {} to {}. People sign in again: sessions and failed sign-ins are not copied.",
        args.from, args.to
    ))
}

/// Prints one line per table to standard error, and more for a long table. Progress is optional, so write errors are
/// ignored.
fn print_progress(progress: &Progress) {
    if progress.done == progress.total || progress.done % PROGRESS_INTERVAL_ROWS == 0 {
        let _ = writeln!(std::io::stderr(), "{:<14}  {} of {}", progress.table, progress.done, progress.total);
    }
}

pub fn backup(data: &DatabaseArgs, args: &BackupArgs) -> CliResult {
    let url = data.database().map_err(|error| CliError::usage(error.to_string()))?;
    let bytes = back_up(&url, &args.file).map_err(|error| match error {
        BackupError::NotSqlite(_) => CliError::usage(error.to_string()),
        other => other.into(),
    })?;
    print(&format!("Backed {url} up to {} ({bytes} bytes).", args.file.display()))
}
