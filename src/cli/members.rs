//! `latchkey member`: parses arguments and calls the use cases.

use clap::Subcommand;

use crate::accounts::model::{EmailAddress, User};
use crate::accounts::store as accounts;
use crate::base::clock::Clock;
use crate::cli::users::no_user;
use crate::cli::workspaces::find;
use crate::cli::{CliResult, print};
use crate::db::Db;
use crate::members::change_role::change_role;
use crate::members::model::{MemberActor, MemberError};
use crate::members::remove::remove_member;
use crate::workspaces::members::add_member;
use crate::workspaces::model::Slug;
use crate::workspaces::profile::Role;

#[derive(Subcommand)]
pub enum MemberCommand {
    /// Make a person a member of a workspace
    Add {
        /// The workspace's slug
        #[arg(long)]
        workspace: Slug,
        /// The person's e-mail address
        #[arg(long)]
        email: EmailAddress,
        /// administrator, editor or agent
        #[arg(long, default_value = "editor")]
        role: Role,
    },
    /// Give a member another role; the tokens of one who becomes an agent are deleted and stop at once
    Role {
        /// The workspace's slug
        #[arg(long)]
        workspace: Slug,
        /// The person's e-mail address
        #[arg(long)]
        email: EmailAddress,
        /// administrator, editor or agent
        #[arg(long)]
        role: Role,
    },
    /// Remove a member; their tokens in this workspace are deleted and stop at once
    Remove {
        /// The workspace's slug
        #[arg(long)]
        workspace: Slug,
        /// The person's e-mail address
        #[arg(long)]
        email: EmailAddress,
    },
}

pub fn member(db: &Db, command: MemberCommand, clock: &Clock) -> CliResult {
    let now = clock.now();
    match command {
        MemberCommand::Add { workspace, email, role } => {
            let workspace = find(db, &workspace)?;
            let (user, _) =
                db.read_blocking(|conn| accounts::user_by_email(conn, &email))?.ok_or_else(|| no_user(&email))?;
            db.write_blocking(|conn| add_member(conn, &workspace, &user, role, None, now))?;
            print(&format!("{} is a member of {} now, as {role}.", email.as_str(), workspace.slug))
        }
        MemberCommand::Role { workspace, email, role } => {
            let workspace = find(db, &workspace)?;
            let (user, actor) = (find_user(db, &email)?, MemberActor::command_line(now));
            let change = db.write_blocking(|conn| change_role(conn, &workspace, &user.uuid, role, &actor))?;
            let stopped = if change.stopped_tokens == 0 {
                String::new()
            } else {
                format!("; {} stopped", count_tokens(change.stopped_tokens))
            };
            print(&format!("{} is {role} of {} now{stopped}.", email.as_str(), workspace.slug))
        }
        MemberCommand::Remove { workspace, email } => {
            let workspace = find(db, &workspace)?;
            let (user, actor) = (find_user(db, &email)?, MemberActor::command_line(now));
            let (_, stopped) = db.write_blocking(|conn| remove_member(conn, &workspace, &user.uuid, &actor))?;
            let tokens = count_tokens(stopped);
            print(&format!("{} is no member of {} any more; {tokens} stopped.", email.as_str(), workspace.slug))
        }
    }
}

fn count_tokens(count: usize) -> String {
    if count == 1 { "1 token".to_owned() } else { format!("{count} tokens") }
}

/// The user with this address. A user without an account is reported as not a member.
pub(crate) fn find_user(db: &Db, email: &EmailAddress) -> Result<User, MemberError> {
    let found = db.read_blocking(|conn| accounts::user_by_email(conn, email))?;
    found.map(|(user, _)| user).ok_or(MemberError::NotAMember)
}
