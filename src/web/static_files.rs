//! The files of `static/`, under URLs that contain a hash of their content.
//!
//! The binary contains the files. At start they are written below the data folder and served from there, so that the
//! binary is the only file to install.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::middleware::Next;
use sha2::{Digest as _, Sha256};

const FILES: [(&str, &[u8]); 8] = [
    ("app.css", include_bytes!("../../static/app.css")),
    ("app.js", include_bytes!("../../static/app.js")),
    ("lists.js", include_bytes!("../../static/lists.js")),
    ("palette.js", include_bytes!("../../static/palette.js")),
    ("favicon.svg", include_bytes!("../../static/favicon.svg")),
    ("token.css", include_bytes!("../../static/token.css")),
    ("tokens.js", include_bytes!("../../static/tokens.js")),
    ("usage.js", include_bytes!("../../static/usage.js")),
];

/// Returns the first 12 hexadecimal digits of the SHA-256 over all files: the name of their folder.
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

/// Returns the URL path of a file of `static/`.
#[must_use]
pub fn url(name: &str) -> String {
    format!("/static/{}/{name}", hash())
}

/// Middleware that makes files `immutable` for caches, but not a 404: during an upgrade, an older process may receive the
/// request for a newer file.
pub async fn cache_immutable(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let mut response = next.call(request).await?;
    if !response.status().is_client_error() && !response.status().is_server_error() {
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    }
    Ok(response)
}

/// Writes the files below `data_dir` and returns the folder to serve. Each file is renamed into place when it is complete,
/// so several processes can do this at the same time.
pub fn write_to_disk(data_dir: &Path) -> std::io::Result<PathBuf> {
    let folder = data_dir.join("static").join(hash());
    std::fs::create_dir_all(&folder)?;
    for (name, content) in FILES {
        let path = folder.join(name);
        if std::fs::read(&path).is_ok_and(|existing| existing == content) {
            continue;
        }
        let file = tempfile::NamedTempFile::new_in(&folder)?;
        std::fs::write(file.path(), content)?;
        file.persist(&path).map_err(|error| error.error)?;
    }
    Ok(folder)
}
