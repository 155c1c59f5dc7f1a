//! Online backup of a `SQLite` database. `PostgreSQL` has its own backup tools. Must not modify the database.

use std::fs::File;
use std::path::{Path, PathBuf};

use diesel::prelude::*;

use crate::db::connection;
use crate::db::error::{DbError, OpenError};
use crate::db::url::DatabaseUrl;

/// A backup failed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database is a server, which `pg_dump` backs up.
    #[error("{0} is backed up with pg_dump; docs/operations.md says how")]
    NotSqlite(DatabaseUrl),
    /// The backup file already exists.
    #[error("{path} is there already; a backup replaces nothing", path = .0.display())]
    Exists(PathBuf),
    /// The backup file can't be written.
    #[error("can't write the backup {path}: {1}", path = .0.display())]
    Write(PathBuf, std::io::Error),
    /// The database does not exist or can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A query failed: the database is locked or the disk is full.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The backup does not pass `SQLite`'s integrity check: the database itself is damaged.
    #[error("the database is damaged, nothing was kept: {0}")]
    Damaged(String),
}

/// Writes all committed data to `file`, which must not exist, and returns its size in bytes.
///
/// The file has mode 0600. It is written under a temporary name, checked and synced before it gets its name, so it is
/// complete or absent. Other readers and writers are not blocked. The database is neither created nor migrated, so that
/// a new version of the program can back it up before it migrates it.
///
/// # Errors
///
/// Returns a [`BackupError`] if there is no backup. No partial file remains.
pub fn back_up(url: &DatabaseUrl, file: &Path) -> Result<u64, BackupError> {
    if let DatabaseUrl::Postgres(_) = url {
        return Err(BackupError::NotSqlite(url.clone()));
    }
    if file.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(file.to_owned()));
    }
    let mut conn = connection::open_existing(url)?;
    let failed = |error| BackupError::Write(file.to_owned(), error);
    // SQLite could parse a relative path as a URI.
    let target = std::path::absolute(file).map_err(failed)?;
    let folder = target.parent().ok_or_else(|| failed(std::io::ErrorKind::IsADirectory.into()))?;
    let temporary = tempfile::Builder::new().prefix(".latchkey-backup-").tempfile_in(folder).map_err(failed)?;
    let path = temporary.path().to_str().ok_or_else(|| failed(std::io::ErrorKind::InvalidFilename.into()))?;

    diesel::sql_query("VACUUM INTO ?")
        .bind::<diesel::sql_types::Text, _>(path)
        .execute(&mut conn)
        .map_err(DbError::from)?;
    check(path)?;
    // VACUUM INTO does not sync the file.
    temporary.as_file().sync_all().map_err(failed)?;
    let backup = temporary.persist_noclobber(&target).map_err(|error| match error.error.kind() {
        std::io::ErrorKind::AlreadyExists => BackupError::Exists(file.to_owned()),
        _ => failed(error.error),
    })?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok(backup.metadata().map_err(failed)?.len())
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
            Err(BackupError::Damaged(findings.iter().map(|row| row.text.as_str()).collect::<Vec<_>>().join("; ")))
        }
    }
}
