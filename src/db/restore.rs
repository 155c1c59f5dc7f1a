//! Replaces a `SQLite` database by a backup. `PostgreSQL` has its own tools. Must not delete or change an old file.
//!
//! The backup is copied, checked and migrated beside the database first. Then a marker is written, the old files are
//! renamed, the copy gets the database's name, and the marker is removed; each is synced. While the marker exists, nothing
//! opens the database, so that a process that was killed in between leaves no half of one: the next restore completes it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;

use crate::base::clock::Timestamp;
use crate::db::backup::{BackupError, check};
use crate::db::connection::{self, DbConnection};
use crate::db::error::{DbError, OpenError};
use crate::db::lock::{self, RESTORING, beside};
use crate::db::migrations::{self, SchemaState, schema_state};
use crate::db::schema::{events, one_time_links, sessions, sign_in_attempts, tokens, users, workspaces};
use crate::db::url::DatabaseUrl;

/// A restore failed. Unless it is [`RestoreError::Replace`], the database is unchanged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RestoreError {
    /// The database is a server.
    #[error(
        "latchkey restore replaces SQLite databases only. For PostgreSQL restore into an empty database: pg_restore --no-owner \
         --exit-on-error --single-transaction --dbname={url} {file} (docs/operations.md)",
        url = .0.shell_argument(), file = .1.display()
    )]
    NotSqlite(DatabaseUrl, PathBuf),
    /// The backup is the database itself.
    #[error("{path} is the database itself", path = .0.display())]
    Same(PathBuf),
    /// The backup can't be read.
    #[error("can't read the backup {path}: {1}", path = .0.display())]
    Read(PathBuf, io::Error),
    /// The file belongs to a database that was in use.
    #[error(
        "{path} has a file {path}-wal beside it, so it is not complete: run latchkey --database-url {path} backup NEW, and restore NEW",
        path = .0.display()
    )]
    HasWal(PathBuf),
    /// The copy can't be written.
    #[error("can't write {path}: {1}; nothing was changed", path = .0.display())]
    Write(PathBuf, io::Error),
    /// The file is no database, or has none of this program's migrations.
    #[error("{path} is no backup of Latchkey ({1}); nothing was changed", path = .0.display())]
    Foreign(PathBuf, String),
    /// A newer version of the program made the backup.
    #[error("{path} is newer than this program: use the version of latchkey that made it; nothing was changed", path = .0.display())]
    Newer(PathBuf),
    /// The database is in use, or can't be locked.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The files could not be exchanged.
    #[error("the restore is incomplete: {1}. Nothing is lost; the files are in {folder}. Run it again", folder = .0.display())]
    Replace(PathBuf, io::Error),
}

/// What a restore did.
#[derive(Debug)]
pub(crate) struct Restored {
    /// The new name of the old database, if there was one.
    pub previous: Option<PathBuf>,
    /// The rows that came back.
    pub contents: Contents,
}

/// The rows of a database.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Contents {
    /// Number of users.
    pub users: i64,
    /// Number of workspaces.
    pub workspaces: i64,
    /// Number of tokens that are not deleted.
    pub tokens: i64,
    /// Time of the newest audit event.
    pub last_event: Option<Timestamp>,
}

/// Replaces the database at `url` by `backup`, which stays. The old files get the current time as the end of their names.
///
/// # Errors
///
/// Returns a [`RestoreError`] if a process has the database open, or if the file is no complete backup that this program
/// can read.
pub(crate) fn restore(url: &DatabaseUrl, backup: &Path, now: Timestamp) -> Result<Restored, RestoreError> {
    let DatabaseUrl::Sqlite(path) = url else {
        return Err(RestoreError::NotSqlite(url.clone(), backup.to_owned()));
    };
    lock::prepare_folder(path).map_err(|error| RestoreError::Write(path.clone(), error))?;
    // An absolute path has a parent.
    let path = lock::resolve(&std::path::absolute(path).map_err(|error| RestoreError::Write(path.clone(), error))?);
    let folder = path.parent().unwrap_or(&path);
    let _lock = lock::exclude(url, &path)?;
    if lock::resolve(backup) == path {
        return Err(RestoreError::Same(backup.to_owned()));
    }
    let copy = beside(&path, "-copy");
    let checked = copy_backup(backup, &copy).and_then(|()| prepare_copy(backup, &copy));
    let contents = match checked {
        Ok(contents) => contents,
        Err(error) => {
            let _ = remove_copy(&copy);
            return Err(error);
        }
    };
    let previous =
        replace(&path, &copy, folder, now).map_err(|error| RestoreError::Replace(folder.to_owned(), error))?;
    Ok(Restored { previous, contents })
}

/// The ends of the names of a database's files, the database last: while it has its name, the others belong to it.
const PARTS: [&str; 4] = ["-wal", "-shm", "-journal", ""];

/// Removes a copy of an earlier restore that was interrupted.
fn remove_copy(copy: &Path) -> io::Result<()> {
    for end in PARTS {
        match std::fs::remove_file(beside(copy, end)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn copy_backup(backup: &Path, copy: &Path) -> Result<(), RestoreError> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let unreadable = |error| RestoreError::Read(backup.to_owned(), error);
    let unwritable = |error| RestoreError::Write(copy.to_owned(), error);
    if !backup.metadata().map_err(unreadable)?.is_file() {
        return Err(unreadable(io::ErrorKind::IsADirectory.into()));
    }
    if beside(backup, "-wal").metadata().is_ok_and(|wal| wal.len() > 0) {
        return Err(RestoreError::HasWal(backup.to_owned()));
    }
    let mut from = File::open(backup).map_err(unreadable)?;
    remove_copy(copy).map_err(unwritable)?;
    let mut to = OpenOptions::new().write(true).create_new(true).mode(0o600).open(copy).map_err(unwritable)?;
    lock::give_to_owner_of_folder(copy);
    io::copy(&mut from, &mut to).map_err(unwritable)?;
    Ok(())
}

/// Checks and migrates the copy, and removes from it what must not come back to life.
fn prepare_copy(backup: &Path, copy: &Path) -> Result<Contents, RestoreError> {
    let foreign = |reason: String| RestoreError::Foreign(backup.to_owned(), reason);
    check(copy).map_err(|error| match error {
        BackupError::Damaged(findings) => foreign(format!("it is damaged: {findings}")),
        other => foreign(other.to_string()),
    })?;
    let mut conn = connection::connect_existing(&DatabaseUrl::Sqlite(copy.to_owned()))?;
    match schema_state(&mut conn).map_err(|error| foreign(error.to_string()))? {
        SchemaState::Unknown => return Err(foreign("its tables are missing".to_owned())),
        SchemaState::Newer => return Err(RestoreError::Newer(backup.to_owned())),
        SchemaState::Outdated | SchemaState::Current => {}
    }
    // One file, whatever the mode of the backup was.
    conn.batch_execute("PRAGMA journal_mode = DELETE").map_err(|error| foreign(error.to_string()))?;
    migrations::migrate(&mut conn).map_err(|error| foreign(error.to_string()))?;
    let contents = conn.transaction(|conn| {
        remove_used(conn)?;
        contents(conn)
    });
    let contents = contents.map_err(|error: DbError| foreign(error.to_string()))?;
    drop(conn);
    File::open(copy).and_then(|file| file.sync_all()).map_err(|error| RestoreError::Write(copy.to_owned(), error))?;
    Ok(contents)
}

/// Removes sessions that may have been ended and links that may have been used after the backup, and starts an epoch that
/// no cache has seen.
fn remove_used(conn: &mut DbConnection) -> Result<(), DbError> {
    diesel::delete(sessions::table).execute(conn)?;
    diesel::delete(sign_in_attempts::table).execute(conn)?;
    diesel::delete(one_time_links::table).execute(conn)?;
    conn.batch_execute("UPDATE identity_epoch SET number = random()")?;
    Ok(())
}

fn contents(conn: &mut DbConnection) -> Result<Contents, DbError> {
    Ok(Contents {
        users: users::table.count().get_result(conn)?,
        workspaces: workspaces::table.count().get_result(conn)?,
        tokens: tokens::table.filter(tokens::deleted_at.is_null()).count().get_result(conn)?,
        last_event: events::table
            .select(diesel::dsl::max(events::at))
            .get_result::<Option<i64>>(conn)?
            .map(Timestamp::from_micros),
    })
}

/// Exchanges the files. Returns the new name of the old database.
fn replace(path: &Path, copy: &Path, folder: &Path, now: Timestamp) -> io::Result<Option<PathBuf>> {
    let sync = || File::open(folder).and_then(|folder| folder.sync_all());
    let marker = beside(path, RESTORING);
    let previous = previous_name(path, &marker, now)?;
    let incomplete = beside(&marker, "-new");
    let mut file = File::create(&incomplete)?;
    file.write_all(previous.file_name().unwrap_or_default().as_encoded_bytes())?;
    file.sync_all()?;
    std::fs::rename(&incomplete, &marker)?;
    sync()?;
    for end in PARTS {
        let part = beside(path, end);
        if part.symlink_metadata().is_ok() {
            std::fs::rename(part, beside(&previous, end))?;
        }
    }
    sync()?;
    if path.symlink_metadata().is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    std::fs::rename(copy, path)?;
    sync()?;
    std::fs::remove_file(&marker)?;
    sync()?;
    Ok(previous.exists().then_some(previous))
}

/// The name for the old database: the one in the marker of an interrupted restore, which may have moved a part already, or
/// a new one.
fn previous_name(path: &Path, marker: &Path, now: Timestamp) -> io::Result<PathBuf> {
    use std::os::unix::ffi::OsStringExt as _;
    match std::fs::read(marker) {
        Ok(name) => {
            let name = path.with_file_name(std::ffi::OsString::from_vec(name));
            // If the database was moved, a database with the old name is the copy: a new one.
            if !name.exists() || !path.exists() {
                return Ok(name);
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let stamp = beside(path, &format!(".{}", now.file_stamp()));
    let names = (1..).map(|nth| if nth == 1 { stamp.clone() } else { beside(&stamp, &format!(".{nth}")) });
    let is_free = |name: &PathBuf| PARTS.iter().all(|end| beside(name, end).symlink_metadata().is_err());
    names.take(1000).find(is_free).ok_or_else(|| io::ErrorKind::AlreadyExists.into())
}
