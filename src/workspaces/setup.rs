//! First start: a one-time link creates the first administrator and their workspaces. Setup must not run once a user
//! exists.

use crate::accounts::create::{AddUserError, add_user};
use crate::accounts::model::{NewUser, User};
use crate::accounts::one_time_links::{self, LinkDetails, NewLink, OneTimeCode, Purpose};
use crate::accounts::store as accounts;
use crate::base::client_info::ClientInfo;
use crate::base::clock::Timestamp;
use crate::base::random::CryptoRng;
use crate::db::{Db, DbError};
use crate::web::app_state::AppState;
use crate::workspaces::create::{CreateWorkspaceError, add_workspace};
use crate::workspaces::members::{AddMemberError, add_member};
use crate::workspaces::model::{NewWorkspace, Role, Slug};

/// Returns the path of a new setup link, or `None` if a user exists. The path contains the code and must be shown only
/// once, to the operator who starts the program.
pub(crate) fn new_link(db: &Db, now: Timestamp, rng: &mut impl CryptoRng) -> Result<Option<String>, DbError> {
    if db.read_blocking(accounts::has_users)? {
        return Ok(None);
    }
    let code = OneTimeCode::generate(rng);
    let link = NewLink::new(&code, Purpose::Setup, LinkDetails::default(), now, rng);
    db.write_blocking(|conn| one_time_links::store::insert(conn, &link))?;
    Ok(Some(format!("/setup?code={}", code.reveal())))
}

/// The reason setup is not possible.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    /// A user exists.
    #[error("setup is already complete")]
    Done,
    /// The code is unknown, used or expired.
    #[error("the setup link is not valid")]
    BadCode,
    #[error("{0}")]
    Db(#[from] DbError),
}

/// Checks that no user exists and that the code is valid.
pub(crate) async fn check(app: &AppState, code: &str) -> Result<(), SetupError> {
    let (code, now) = (code.parse::<OneTimeCode>().ok().map(|code| code.digest()), app.clock.now());
    app.db
        .read(move |conn| {
            // The link is read before the users: the transaction that consumes a link also creates a user, so a link
            // found used implies that the second query finds a user.
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

/// Creates the first administrator and their workspaces. Of two concurrent requests, one succeeds. Returns the
/// administrator and the slug of the first workspace.
pub(crate) async fn run(
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
            let actor = administrator.actor(client.clone(), now);
            let mut first = None;
            for new in &workspaces {
                let workspace = add_workspace(conn, new, &actor).map_err(|error| match error {
                    CreateWorkspaceError::Db(error) => SetupError::Db(error),
                    CreateWorkspaceError::SlugTaken(_) | CreateWorkspaceError::NotAllowed => SetupError::Done,
                })?;
                let added = add_member(conn, &workspace, &administrator, Role::Administrator, &actor);
                added.map_err(|error| match error {
                    AddMemberError::Db(error) => SetupError::Db(error),
                    AddMemberError::IsMember(_) => SetupError::Done,
                })?;
                first.get_or_insert(workspace.slug);
            }
            let first = first.ok_or_else(|| DbError::Query("setup without a workspace".to_owned()))?;
            Ok((administrator, first))
        })
        .await
}
