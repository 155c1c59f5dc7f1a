//! Online backup of a `SQLite` database. `PostgreSQL` has its own backup tools. Must not modify the database.

use std::fs::File;
use std::path::{Path, PathBuf};

use diesel::prelude::*;

use crate::base::clock::Timestamp;
use crate::db::connection;
use crate::db::error::{DbError, OpenError};
use crate::db::url::DatabaseUrl;

/// A backup failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackupError {
    /// The database is a server, which `pg_dump` backs up.
    #[error(
        "latchkey backup copies SQLite only. Run: pg_dump --format=custom --no-owner --file={file} {url} && latchkey \
         backup --record (docs/operations.md)",
        file = .1.display(), url = .0.shell_argument()
    )]
    NotSqlite(DatabaseUrl, PathBuf),
    /// The backup file already exists.
    #[error("{path} already exists", path = .0.display())]
    Exists(PathBuf),
    /// The backup file can't be written.
    #[error("can't write the backup {path}: {1}", path = .0.display())]
    Write(PathBuf, std::io::Error),
    /// The database does not exist or can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The backup is complete, but an older one can't be removed.
    #[error("the backup {backup} is complete, but an older one can't be removed: {1}", backup = .0.display())]
    Remove(PathBuf, std::io::Error),
    /// A query failed: the database is locked or the disk is full.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The backup does not pass `SQLite`'s integrity check: the database itself is damaged.
    #[error("the database is damaged; no backup was written: {0}")]
    Damaged(String),
}

/// A complete backup.
#[derive(Debug)]
pub(crate) struct Backup {
    /// The file that was written.
    pub file: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Writes all committed data to `target`: a file that must not exist, or an existing folder, where the file is named
/// after `now`.
///
/// The file has mode 0600. It is written under a temporary name, checked and synced before it gets its name, so it is
/// complete or absent. Other readers and writers are not blocked. The database is neither created nor migrated, so that
/// a new version of the program can back it up before it migrates it.
///
/// # Errors
///
/// Returns a [`BackupError`] if there is no backup. No partial file remains.
pub(crate) fn back_up(url: &DatabaseUrl, target: &Path, now: Timestamp) -> Result<Backup, BackupError> {
    let is_folder = target.is_dir();
    if let DatabaseUrl::Postgres(_) = url {
        let dump = if is_folder { target.join("latchkey.dump") } else { target.to_owned() };
        return Err(BackupError::NotSqlite(url.clone(), dump));
    }
    let free_name = || if is_folder { first_free(target, now) } else { target.to_owned() };
    let mut file = free_name();
    if file.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(file));
    }
    let mut conn = connection::open_existing(url)?;
    let chosen = file.clone();
    let failed = |error| BackupError::Write(chosen.clone(), error);
    // SQLite could parse a relative path as a URI.
    let absolute = std::path::absolute(&file).map_err(failed)?;
    let folder = absolute.parent().ok_or_else(|| failed(std::io::ErrorKind::IsADirectory.into()))?;
    let mut temporary = tempfile::Builder::new().prefix(".latchkey-backup-").tempfile_in(folder).map_err(failed)?;
    let path = temporary.path().to_str().ok_or_else(|| failed(std::io::ErrorKind::InvalidFilename.into()))?;

    diesel::sql_query("VACUUM INTO ?")
        .bind::<diesel::sql_types::Text, _>(path)
        .execute(&mut **conn)
        .map_err(DbError::from)?;
    check(temporary.path())?;
    // VACUUM INTO does not sync the file.
    temporary.as_file().sync_all().map_err(failed)?;
    let backup = loop {
        let error = match temporary.persist_noclobber(std::path::absolute(&file).map_err(failed)?) {
            Ok(backup) => break backup,
            Err(error) => error,
        };
        match error.error.kind() {
            // Another backup took the name meanwhile.
            std::io::ErrorKind::AlreadyExists if is_folder => (file, temporary) = (free_name(), error.file),
            std::io::ErrorKind::AlreadyExists => return Err(BackupError::Exists(file)),
            _ => return Err(failed(error.error)),
        }
    };
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok(Backup { file, bytes: backup.metadata().map_err(failed)?.len() })
}

/// The first free name for a backup in a folder: `latchkey-2026-11-23T18-21-04Z.db`, and for more backups in the same second
/// `latchkey-2026-11-23T18-21-04Z_2.db` and so on.
fn first_free(folder: &Path, at: Timestamp) -> PathBuf {
    let stamp = at.file_stamp();
    let mut file = folder.join(format!("latchkey-{stamp}.db"));
    let mut number = 1;
    while file.symlink_metadata().is_ok() {
        number += 1;
        file = folder.join(format!("latchkey-{stamp}_{number}.db"));
    }
    file
}

/// Returns whether [`first_free`] could have made this name.
fn is_name(name: &str) -> bool {
    let stamp = name.strip_prefix("latchkey-").and_then(|rest| rest.strip_suffix(".db"));
    stamp.is_some_and(|stamp| {
        let (stamp, number) = stamp.split_once('_').unwrap_or((stamp, "2"));
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return false;
        }
        let digits_as_zero: String = stamp.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        digits_as_zero == "0000-00-00T00-00-00Z"
    })
}

/// Removes the oldest backups from the folder of `newest`, which counts and stays, so that `keep` remain. The age is not
/// compared with the clock: a clock that is ahead must not remove all of them.
///
/// # Errors
///
/// Returns [`BackupError::Remove`] if the folder can't be read or a file can't be removed.
pub(crate) fn remove_old(newest: &Path, keep: usize) -> Result<usize, BackupError> {
    let failed = |error| BackupError::Remove(newest.to_owned(), error);
    let folder = newest.parent().unwrap_or(newest);
    let mut others = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let is_backup = path.file_name().is_some_and(|name| name.to_str().is_some_and(is_name));
        if is_backup && path.file_name() != newest.file_name() {
            others.push(path);
        }
    }
    others.sort();
    let surplus = (others.len() + 1).saturating_sub(keep.max(1));
    for path in &others[..surplus] {
        std::fs::remove_file(path).map_err(failed)?;
    }
    Ok(surplus)
}

#[derive(QueryableByName)]
struct IntegrityRow {
    #[diesel(sql_type = diesel::sql_types::Text, column_name = "integrity_check")]
    text: String,
}

/// Runs `SQLite`'s integrity check on a file that no other process knows.
pub(crate) fn check(path: &Path) -> Result<(), BackupError> {
    let mut conn = connection::connect_existing(&DatabaseUrl::Sqlite(path.to_owned()))?;
    let findings: Vec<IntegrityRow> =
        diesel::sql_query("PRAGMA integrity_check(1)").load(&mut *conn).map_err(DbError::from)?;
    match &findings[..] {
        [IntegrityRow { text }] if text == "ok" => Ok(()),
        findings => {
            Err(BackupError::Damaged(findings.iter().map(|row| row.text.as_str()).collect::<Vec<_>>().join("; ")))
        }
    }
}
