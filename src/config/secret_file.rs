//! Files that hold a secret.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Maximum length of a secret in a file.
const MAX_BYTES: usize = 4096;

/// A name and the file that holds its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretFile {
    /// Name of the client.
    pub name: String,
    /// Path of the file.
    pub file: PathBuf,
}

impl std::str::FromStr for SecretFile {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let is_name = |name: &str| {
            (1..=64).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        text.trim()
            .split_once('=')
            .filter(|(name, file)| is_name(name) && !file.is_empty())
            .map(|(name, file)| Self { name: name.to_owned(), file: file.into() })
            .ok_or_else(|| {
                "must look like NAME=FILE: a name of letters, digits, dots, hyphens and underscores, and the file with \
                 its secret"
                    .to_owned()
            })
    }
}

/// Reads a file that holds one line, and returns the line.
pub(super) fn read(file: &Path) -> Result<Zeroizing<String>, String> {
    use std::io::Read as _;
    use std::os::unix::fs::PermissionsExt as _;
    let mut opened = std::fs::File::open(file).map_err(|error| format!("can't read the file: {error}"))?;
    let metadata = opened.metadata().map_err(|error| format!("can't read the file: {error}"))?;
    if !metadata.is_file() {
        return Err("is not a file".to_owned());
    }
    if metadata.permissions().mode() & 0o007 != 0 {
        if !is_on_read_only_file_system(file) {
            return Err("other users can read or change the file: set its mode to 600 (640 for a group)".to_owned());
        }
        log::warn!("other users can read the secret in {}: mount it with mode 0400 if you can", file.display());
    }
    // Two more bytes for a line break, and one to detect a longer file.
    let mut text = Zeroizing::new(String::with_capacity(MAX_BYTES + 3));
    let read = opened.by_ref().take(MAX_BYTES as u64 + 3).read_to_string(&mut text);
    read.map_err(|error| format!("can't read the file: {error}"))?;
    let secret = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    if text.len() > MAX_BYTES + 2 {
        return Err(format!("the file is longer than {MAX_BYTES} bytes"));
    }
    if secret.chars().any(char::is_control) {
        return Err("the file must hold one line, the secret".to_owned());
    }
    Ok(Zeroizing::new(secret.to_owned()))
}

/// Returns whether the file is on a file system that is mounted read-only, as Docker and Kubernetes mount secrets. They set a
/// mode that gives all users access, and it can't be changed there.
fn is_on_read_only_file_system(file: &Path) -> bool {
    let opened = std::fs::OpenOptions::new().append(true).open(file);
    opened.is_err_and(|error| error.kind() == std::io::ErrorKind::ReadOnlyFilesystem)
}
