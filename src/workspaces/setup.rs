//! First start: a one-time link makes the first administrator and their workspaces. Once there is a user, none of
//! this is there any more.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::{AddMemberError, AddWorkspaceError, NewWorkspace, Role, Slug, add_member, add_workspace};
use crate::accounts::{AddUserError, NewUser, User, add_user, store as accounts};
use crate::kernel::app::App;
use crate::kernel::clock::Timestamp;
use crate::kernel::db::{Db, DbError, FromDb};
use crate::kernel::rng::{self, CryptoRng};
use crate::kernel::web::client::Client;

/// How long a set-up link is good; a restart prints a new one.
const GOOD_FOR: Duration = Duration::from_hours(24);
/// 32 base62 characters: 190 bits.
const CODE_LENGTH: usize = 32;

/// The path of a new set-up link, while there is no user. To be shown once, to whoever started the program.
pub fn new_link(db: &Db, now: Timestamp, rng: &mut impl CryptoRng) -> Result<Option<String>, DbError> {
    if db.read_blocking(accounts::has_users)? {
        return Ok(None);
    }
    let code = rng::base62(rng, CODE_LENGTH);
    let hash = digest(&code);
    db.write_blocking(|conn| accounts::insert_setup_link(conn, &hash, now, now + GOOD_FOR))?;
    Ok(Some(format!("/setup?code={code}")))
}

fn digest(code: &str) -> [u8; 32] {
    Sha256::digest(code.as_bytes()).into()
}

/// Why there is no set-up page, or it changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// There is a user.
    #[error("the set-up is done")]
    Done,
    /// The code is wrong, used or expired.
    #[error("the set-up link is not good")]
    BadCode,
    /// A query failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl FromDb for SetupError {
    fn as_db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) => Some(error),
            Self::Done | Self::BadCode => None,
        }
    }
}

/// May the holder of this code set the site up?
pub async fn check(app: &App, code: &str) -> Result<(), SetupError> {
    let (hash, now) = (digest(code), app.clock.now());
    app.db
        .read(move |conn| {
            // In this order: whoever uses a link up makes a user in the same transaction, so that a link found used
            // always comes with one.
            let is_good = accounts::is_setup_link_good(conn, &hash, now)?;
            if accounts::has_users(conn)? {
                return Err(SetupError::Done);
            }
            if is_good { Ok(()) } else { Err(SetupError::BadCode) }
        })
        .await
}

/// Makes the first administrator and their workspaces; of two people at the same moment, one. Returns the
/// administrator and the slug of the first workspace.
pub async fn run(
    app: &App,
    code: &str,
    user: NewUser,
    workspaces: Vec<NewWorkspace>,
    client: Client,
) -> Result<(User, Slug), SetupError> {
    let (hash, now) = (digest(code), app.clock.now());
    app.db
        .write(move |conn| {
            accounts::lock_site(conn)?;
            if accounts::has_users(conn)? {
                return Err(SetupError::Done);
            }
            if !accounts::use_setup_link(conn, &hash, now)? {
                return Err(SetupError::BadCode);
            }
            let administrator = add_user(conn, &user, Some(&client), "set-up").map_err(|error| match error {
                AddUserError::Db(error) => SetupError::Db(error),
                AddUserError::EmailTaken(_) => SetupError::Done,
            })?;
            let mut first = None;
            for new in &workspaces {
                let workspace = add_workspace(conn, new, Some(&administrator.uuid)).map_err(|error| match error {
                    AddWorkspaceError::Db(error) => SetupError::Db(error),
                    AddWorkspaceError::SlugTaken(_) => SetupError::Done,
                })?;
                add_member(conn, &workspace, &administrator, Role::Administrator, Some(&administrator.uuid), now)
                    .map_err(|error| match error {
                        AddMemberError::Db(error) => SetupError::Db(error),
                        AddMemberError::IsMember(_) => SetupError::Done,
                    })?;
                first.get_or_insert(workspace.slug);
            }
            let first = first.ok_or_else(|| DbError::Failed("a set-up without a workspace".to_owned()))?;
            Ok((administrator, first))
        })
        .await
}
