//! `latchkey copy`, `latchkey backup` and `latchkey restore`, for whole databases. None may migrate its source.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;

use crate::accounts::site_settings;
use crate::base::clock::{Clock, Timestamp};
use crate::cli::{CliError, CliResult, eprint_note, print};
use crate::config::DatabaseArgs;
use crate::db::DatabaseUrl;
use crate::db::backup::{BackupError, back_up, remove_old};
use crate::db::copy::{self, CopyError, Progress};
use crate::db::restore::{self, RestoreError};
use crate::db::{OpenError, connection};

/// Rows of a table between two lines of progress.
const PROGRESS_INTERVAL_ROWS: i64 = 10_000;

/// Source and target of a copy.
#[derive(Args)]
pub(super) struct CopyArgs {
    /// The database to read: a path, <sqlite://PATH> or <postgres://USER@HOST/NAME>
    #[arg(long, value_name = "URL")]
    from: DatabaseUrl,
    /// The empty database to write; a SQLite file is created if it does not exist
    #[arg(long, value_name = "URL")]
    to: DatabaseUrl,
}

/// The target of a backup.
#[derive(Args)]
pub(super) struct BackupArgs {
    /// The file to write, which must not exist; or a folder, where the file is named like latchkey-2026-11-23T18-21-04Z.db
    #[arg(required_unless_present = "record")]
    file: Option<PathBuf>,
    /// Keep this many backups in the folder, and remove older ones with such names
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    keep: Option<u16>,
    /// Write no file: record that another program made a backup
    #[arg(long, conflicts_with_all = ["file", "keep"])]
    record: bool,
}

/// The file of a restore.
#[derive(Args)]
pub(super) struct RestoreArgs {
    /// The backup; it stays
    file: PathBuf,
}

pub(super) fn copy(data: &DatabaseArgs, args: &CopyArgs) -> CliResult {
    for url in [&args.from, &args.to] {
        data.allows(url).map_err(|error| CliError::usage(error.to_string()))?;
    }
    copy::copy(&args.from, &args.to, &print_progress).map_err(|error| match error {
        CopyError::Same(_) => CliError::usage(error.to_string()),
        other => other.into(),
    })?;
    print(&format!(
        "Copied {} to {}. Sessions and the record of failed logins were not copied: users must sign in again.",
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

pub(super) fn backup(data: &DatabaseArgs, args: &BackupArgs, clock: &Clock) -> CliResult {
    let url = data.database().map_err(|error| CliError::usage(error.to_string()))?;
    let now = clock.now();
    let Some(target) = &args.file else {
        record(&url, now)?;
        return print(&format!("Recorded a backup of {url}."));
    };
    if args.keep.is_some() && !target.is_dir() {
        return Err(CliError::usage(format!("--keep needs a folder, and {} is none", target.display())));
    }
    let backup = back_up(&url, target, now).map_err(|error| match error {
        BackupError::NotSqlite(..) => CliError::usage(error.to_string()),
        other => other.into(),
    })?;
    // The backup is what counts: a full disk or a lock must not make it look failed.
    if let Err(error) = record(&url, now) {
        eprint_note(&format!("The backup is complete, but its time could not be recorded: {error}"));
    }
    let removed = args.keep.map_or(Ok(0), |keep| remove_old(&backup.file, keep.into()))?;
    let note = if removed == 0 { String::new() } else { format!(" Backups removed: {removed}.") };
    print(&format!("Backed {url} up to {} ({} bytes).{note}", backup.file.display(), backup.bytes))
}

/// Stores the time of the backup in the database, without migrating it.
fn record(url: &DatabaseUrl, at: Timestamp) -> Result<(), OpenError> {
    let mut conn = connection::open_existing(url)?;
    conn.write(|conn| site_settings::record_backup(conn, at))
        .map_err(|error| OpenError::Connect(url.clone(), error.to_string()))
}

pub(super) fn restore(data: &DatabaseArgs, args: &RestoreArgs, clock: &Clock) -> CliResult {
    let url = data.database().map_err(|error| CliError::usage(error.to_string()))?;
    let restored = restore::restore(&url, &args.file, clock.now()).map_err(|error| match error {
        RestoreError::NotSqlite(..) => CliError::usage(error.to_string()),
        other => other.into(),
    })?;
    let contents = restored.contents;
    let last_event = contents.last_event.map_or_else(|| "none".to_owned(), Timestamp::display);
    let previous = restored.previous.map_or_else(String::new, |path| {
        format!("The previous database is {}; delete it when you no longer need it.\n", path.display())
    });
    print(&format!(
        "Restored {url} from {}.\nUsers: {}, workspaces: {}, tokens: {}, last event: {last_event}.\n{previous}\
         What was changed after the backup is undone: deleted tokens work again, check `latchkey token list`; passwords are \
         the earlier ones.\nSessions and one-time links are removed: users sign in again.",
        args.file.display(),
        contents.users,
        contents.workspaces,
        contents.tokens,
    ))
}
