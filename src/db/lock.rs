//! Locks between the processes that use a `SQLite` file. `SQLite`'s own locks last for a transaction; these last as long as
//! a process has the database open. The operating system releases them when a process ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use crate::db::error::OpenError;
use crate::db::url::DatabaseUrl;

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub struct DatabaseLock {
    _file: File,
}

/// Locks the database against a restore. Any number of processes can hold this lock. `None` for `PostgreSQL`, and where a
/// lock is not possible: `SQLite`'s own error for such a folder is clearer.
///
/// # Errors
///
/// Returns an error while a restore runs, and after one that was interrupted.
pub(crate) fn share(url: &DatabaseUrl) -> Result<Option<DatabaseLock>, OpenError> {
    let DatabaseUrl::Sqlite(path) = url else { return Ok(None) };
    let path = resolve(path);
    let lock = open(&beside(&path, "-lock")).and_then(|file| match file.try_lock_shared() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    });
    let lock = match lock {
        Ok(Some(file)) => Some(DatabaseLock { _file: file }),
        Ok(None) => return Err(OpenError::RestoreRuns(url.clone())),
        Err(error) => {
            note_missing_lock(url, &error);
            None
        }
    };
    if is_restoring(&path) { Err(OpenError::RestoreInterrupted(url.clone())) } else { Ok(lock) }
}

/// Locks the database for a restore.
///
/// # Errors
///
/// Returns an error while any process has the database open, and where a lock is not possible.
pub(crate) fn exclude(url: &DatabaseUrl, path: &Path) -> Result<DatabaseLock, OpenError> {
    let name = beside(path, "-lock");
    let file = open(&name).map_err(|error| OpenError::File(name.clone(), error))?;
    match file.try_lock() {
        Ok(()) => Ok(DatabaseLock { _file: file }),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(url.clone())),
        Err(TryLockError::Error(error)) => Err(OpenError::File(name, error)),
    }
}

/// Locks a `SQLite` database for the one server that may use it. The file contains the server's process id.
///
/// # Errors
///
/// Returns an error while another server runs.
pub fn lock_for_server(url: &DatabaseUrl) -> Result<Option<DatabaseLock>, OpenError> {
    let DatabaseUrl::Sqlite(path) = url else { return Ok(None) };
    let locked = prepare_folder(path).and_then(|()| open(&beside(&resolve(path), "-server"))).and_then(|mut file| {
        match file.try_lock() {
            Ok(()) => {
                file.set_len(0)?;
                write!(file, "{}", std::process::id())?;
                Ok(Ok(file))
            }
            Err(TryLockError::WouldBlock) => {
                let mut process = String::new();
                file.rewind()?;
                file.take(20).read_to_string(&mut process)?;
                Ok(Err(process))
            }
            Err(TryLockError::Error(error)) => Err(error),
        }
    });
    match locked {
        Ok(Ok(file)) => Ok(Some(DatabaseLock { _file: file })),
        Ok(Err(process)) => Err(OpenError::OtherServer(url.clone(), process)),
        Err(error) => {
            note_missing_lock(url, &error);
            Ok(None)
        }
    }
}

/// The end of the name of the file that exists while a restore is incomplete.
pub(crate) const RESTORING: &str = "-restoring";

/// Returns whether a restore of this file is incomplete.
pub(crate) fn is_restoring(path: &Path) -> bool {
    beside(&resolve(path), RESTORING).exists()
}

/// The path with this end of the name: `latchkey.db-lock`.
pub(crate) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Follows symbolic links, as `SQLite` does for the names of its own files beside the database.
pub(crate) fn resolve(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// Creates the folders of the database file if they do not exist, accessible only to the owner.
pub(crate) fn prepare_folder(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder),
        None => Ok(()),
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let is_new = !path.exists();
    let file = options.open(path)?;
    if is_new {
        give_to_owner_of_folder(path);
    }
    Ok(file)
}

/// Gives a new file to the owner of its folder, if root runs a command that is the server user's.
pub(crate) fn give_to_owner_of_folder(path: &Path) {
    use std::os::unix::fs::MetadataExt as _;
    let (Ok(file), Some(Ok(folder))) = (path.metadata(), path.parent().map(Path::metadata)) else { return };
    if file.uid() != folder.uid() {
        // Only root can do this; for others it is not needed.
        let _ = std::os::unix::fs::chown(path, Some(folder.uid()), Some(folder.gid()));
    }
}

fn note_missing_lock(url: &DatabaseUrl, error: &std::io::Error) {
    let level = if error.kind() == ErrorKind::Unsupported { log::Level::Warn } else { log::Level::Debug };
    log::log!(level, "can't lock the database {url}: {error}");
}
