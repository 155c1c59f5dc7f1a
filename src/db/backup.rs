//! A consistent copy of a `SQLite` database that is in use. `PostgreSQL` has tools of its own for that.

use std::fs::File;
use std::path::{Path, PathBuf};

use diesel::prelude::*;

use crate::db::connection;
use crate::db::error::{DbError, OpenError};
use crate::db::url::DatabaseUrl;

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A server, which `pg_dump` backs up.
    #[error("{0} is backed up with pg_dump; docs/operations.md says how")]
    NotSqlite(DatabaseUrl),
    /// The file must not exist.
    #[error("{path} is there already; a backup replaces nothing", path = .0.display())]
    Exists(PathBuf),
    /// The file can't be written.
    #[error("can't write the backup {path}: {1}", path = .0.display())]
    Write(PathBuf, std::io::Error),
    /// There is no such database, or it does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Locked for too long, or no room on the disk.
    #[error(transparent)]
    Db(#[from] DbError),
    /// What was written does not pass `SQLite`'s own check: the database itself is damaged.
    #[error("the database is damaged, nothing was kept: {0}")]
    Damaged(String),
}

/// Writes everything that is committed now to `file`, which must not exist, and returns its size in bytes.
///
/// The file has mode 0600, appears whole or not at all, and was checked and brought to the disk before. Whoever reads
/// or writes meanwhile is not held up. The database is neither made nor migrated, so that a backup can be taken with
/// the program that is about to migrate it.
///
/// # Errors
///
/// [`BackupError`] says what to do; nothing is left behind.
pub fn back_up(url: &DatabaseUrl, file: &Path) -> Result<u64, BackupError> {
    if let DatabaseUrl::Postgres(_) = url {
        return Err(BackupError::NotSqlite(url.clone()));
    }
    if file.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(file.to_owned()));
    }
    let mut conn = connection::open_existing(url)?;
    let failed = |error| BackupError::Write(file.to_owned(), error);
    // Absolute: a relative name could look like a URI to SQLite.
    let place = std::path::absolute(file).map_err(failed)?;
    let folder = place.parent().ok_or_else(|| failed(std::io::ErrorKind::IsADirectory.into()))?;
    let unfinished = tempfile::Builder::new().prefix(".latchkey-backup-").tempfile_in(folder).map_err(failed)?;
    let path = unfinished.path().to_str().ok_or_else(|| failed(std::io::ErrorKind::InvalidFilename.into()))?;

    diesel::sql_query("VACUUM INTO ?")
        .bind::<diesel::sql_types::Text, _>(path)
        .execute(&mut conn)
        .map_err(DbError::from)?;
    check(path)?;
    // VACUUM INTO leaves that to us.
    unfinished.as_file().sync_all().map_err(failed)?;
    let kept = unfinished.persist_noclobber(&place).map_err(|error| match error.error.kind() {
        std::io::ErrorKind::AlreadyExists => BackupError::Exists(file.to_owned()),
        _ => failed(error.error),
    })?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok(kept.metadata().map_err(failed)?.len())
}

#[derive(QueryableByName)]
struct IntegrityRow {
    #[diesel(sql_type = diesel::sql_types::Text, column_name = "integrity_check")]
    text: String,
}

fn check(path: &str) -> Result<(), BackupError> {
    let mut conn = connection::open_existing(&DatabaseUrl::Sqlite(path.into()))?;
    let findings: Vec<IntegrityRow> =
        diesel::sql_query("PRAGMA integrity_check(1)").load(&mut conn).map_err(DbError::from)?;
    match &findings[..] {
        [IntegrityRow { text }] if text == "ok" => Ok(()),
        findings => {
            Err(BackupError::Damaged(findings.iter().map(|it| it.text.as_str()).collect::<Vec<_>>().join("; ")))
        }
    }
}
