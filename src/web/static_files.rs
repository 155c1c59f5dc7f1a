//! The files of `static/`: in the binary, under URLs that carry a hash of their content.
//!
//! At start they are written below the data directory and served from there, so that a binary alone is enough and
//! there is one way, wherever it runs.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::middleware::Next;
use sha2::{Digest as _, Sha256};

const FILES: [(&str, &[u8]); 3] = [
    ("app.css", include_bytes!("../../static/app.css")),
    ("app.js", include_bytes!("../../static/app.js")),
    ("favicon.svg", include_bytes!("../../static/favicon.svg")),
];

/// The folder's name: the first 12 hexadecimal digits of the SHA-256 over all files.
#[must_use]
pub fn hash() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| {
        let mut sha = Sha256::new();
        for (name, content) in FILES {
            sha.update(name);
            sha.update((content.len() as u64).to_be_bytes());
            sha.update(content);
        }
        let digest: [u8; 32] = sha.finalize().into();
        let head = digest.iter().take(6).fold(0u64, |head, &byte| head << 8 | u64::from(byte));
        format!("{head:012x}")
    })
}

/// The URL path of a file of `static/`.
#[must_use]
pub fn url(name: &str) -> String {
    format!("/static/{}/{name}", hash())
}

/// Middleware that lets caches keep a file for good, but not the news that there is none: during an update, an older
/// process may be asked for a newer file.
pub async fn cache_immutable(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let mut answer = next.call(request).await?;
    if !answer.status().is_client_error() && !answer.status().is_server_error() {
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    }
    Ok(answer)
}

/// Writes the files below `data_dir` and returns the folder to serve. A file appears whole or not at all, so
/// several processes may do this at once.
pub fn write_to_disk(data_dir: &Path) -> std::io::Result<PathBuf> {
    let folder = data_dir.join("static").join(hash());
    std::fs::create_dir_all(&folder)?;
    for (name, content) in FILES {
        let path = folder.join(name);
        if std::fs::read(&path).is_ok_and(|there| there == content) {
            continue;
        }
        let whole = tempfile::NamedTempFile::new_in(&folder)?;
        std::fs::write(whole.path(), content)?;
        whole.persist(&path).map_err(|error| error.error)?;
    }
    Ok(folder)
}
