//! First start: a one-time link makes the first administrator and their workspaces. Once there is a user, none of
//! this is there any more.

use crate::accounts::create::{AddUserError, add_user};
use crate::accounts::model::{NewUser, User};
use crate::accounts::one_time_links::{self, LinkDetails, NewLink, OneTimeCode, Purpose};
use crate::accounts::store as accounts;
use crate::base::client_info::ClientInfo;
use crate::base::clock::Timestamp;
use crate::base::random::CryptoRng;
use crate::db::{Db, DbError, FromDb};
use crate::web::app_state::AppState;
use crate::workspaces::create::{AddWorkspaceError, add_workspace};
use crate::workspaces::members::{AddMemberError, add_member};
use crate::workspaces::model::{NewWorkspace, Slug, WorkspaceActor};
use crate::workspaces::profile::Role;

/// The path of a new set-up link, while there is no user. To be shown once, to whoever started the program.
pub fn new_link(db: &Db, now: Timestamp, rng: &mut impl CryptoRng) -> Result<Option<String>, DbError> {
    if db.read_blocking(accounts::has_users)? {
        return Ok(None);
    }
    let code = OneTimeCode::generate(rng);
    let link = NewLink::new(&code, Purpose::Setup, LinkDetails::default(), now, rng);
    db.write_blocking(|conn| one_time_links::store::insert(conn, &link))?;
    Ok(Some(format!("/setup?code={}", code.reveal())))
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
pub async fn check(app: &AppState, code: &str) -> Result<(), SetupError> {
    let (code, now) = (code.parse::<OneTimeCode>().ok().map(|code| code.digest()), app.clock.now());
    app.db
        .read(move |conn| {
            // In this order: whoever uses a link up makes a user in the same transaction, so that a link found used
            // always comes with one.
            let link = match &code {
                Some(code) => one_time_links::store::find(conn, Purpose::Setup, code, now)?,
                None => None,
            };
            if accounts::has_users(conn)? {
                return Err(SetupError::Done);
            }
            link.map(|_| ()).ok_or(SetupError::BadCode)
        })
        .await
}

/// Makes the first administrator and their workspaces; of two people at the same moment, one. Returns the
/// administrator and the slug of the first workspace.
pub async fn run(
    app: &AppState,
    code: &str,
    user: NewUser,
    workspaces: Vec<NewWorkspace>,
    client: ClientInfo,
) -> Result<(User, Slug), SetupError> {
    let code = code.parse::<OneTimeCode>().map_err(|_| SetupError::BadCode)?.digest();
    let now = app.clock.now();
    app.db
        .write(move |conn| {
            crate::accounts::site_settings::lock_site(conn)?;
            if accounts::has_users(conn)? {
                return Err(SetupError::Done);
            }
            if !one_time_links::store::consume(conn, Purpose::Setup, &code, now)? {
                return Err(SetupError::BadCode);
            }
            let administrator = add_user(conn, &user, Some(&client), "set-up").map_err(|error| match error {
                AddUserError::Db(error) => SetupError::Db(error),
                AddUserError::EmailTaken(_) => SetupError::Done,
            })?;
            let by = Some(WorkspaceActor { user: &administrator.uuid, client: &client });
            let mut first = None;
            for new in &workspaces {
                let workspace = add_workspace(conn, new, by).map_err(|error| match error {
                    AddWorkspaceError::Db(error) => SetupError::Db(error),
                    AddWorkspaceError::SlugTaken(_) => SetupError::Done,
                })?;
                let joined = add_member(conn, &workspace, &administrator, Role::Administrator, by, now);
                joined.map_err(|error| match error {
                    AddMemberError::Db(error) => SetupError::Db(error),
                    AddMemberError::IsMember(_) => SetupError::Done,
                })?;
                first.get_or_insert(workspace.slug);
            }
            let first = first.ok_or_else(|| DbError::Query("a set-up without a workspace".to_owned()))?;
            Ok((administrator, first))
        })
        .await
}
