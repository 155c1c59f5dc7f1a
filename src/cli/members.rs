//! `latchkey member`: parses arguments and calls the use cases.

use clap::Subcommand;

use crate::accounts::model::{EmailAddress, User};
use crate::accounts::store as accounts;
use crate::audit::actor::Actor;
use crate::base::clock::Clock;
use crate::cli::users::no_user;
use crate::cli::workspaces::find;
use crate::cli::{CliResult, print};
use crate::db::Db;
use crate::members::change_role::change_role;
use crate::members::model::{MemberError, count_tokens};
use crate::members::remove::remove_member;
use crate::workspaces::members::add_member;
use crate::workspaces::model::{Role, Slug};

#[derive(Subcommand)]
pub(super) enum MemberCommand {
    /// Add a user to a workspace
    #[command(after_help = "Example: latchkey member add --workspace acme --email ada@example.org --role editor")]
    Add {
        /// The workspace's slug
        #[arg(long)]
        workspace: Slug,
        /// The user's email address
        #[arg(long, value_parser = EmailAddress::for_lookup)]
        email: EmailAddress,
        /// administrator, editor or agent
        #[arg(long, default_value = "editor")]
        role: Role,
    },
    /// Change a member's role; the role agent deletes their tokens in this workspace, which stop working immediately
    Role {
        /// The workspace's slug
        #[arg(long)]
        workspace: Slug,
        /// The user's email address
        #[arg(long, value_parser = EmailAddress::for_lookup)]
        email: EmailAddress,
        /// administrator, editor or agent
        #[arg(long)]
        role: Role,
    },
    /// Remove a member; their tokens in this workspace are deleted and stop working immediately
    Remove {
        /// The workspace's slug
        #[arg(long)]
        workspace: Slug,
        /// The user's email address
        #[arg(long, value_parser = EmailAddress::for_lookup)]
        email: EmailAddress,
    },
}

pub(super) fn member(db: &Db, command: MemberCommand, clock: &Clock) -> CliResult {
    let actor = Actor::command_line(clock.now());
    match command {
        MemberCommand::Add { workspace, email, role } => {
            let workspace = find(db, &workspace)?;
            let (user, _) =
                db.read_blocking(|conn| accounts::user_by_email(conn, &email))?.ok_or_else(|| no_user(&email))?;
            db.write_blocking(|conn| add_member(conn, &workspace, &user, role, &actor))?;
            print(&format!("Added {email} to {} as {role}.", workspace.slug))
        }
        MemberCommand::Role { workspace, email, role } => {
            let workspace = find(db, &workspace)?;
            let user = find_user(db, &email)?;
            let change = db.write_blocking(|conn| change_role(conn, &workspace, &user.uuid, role, &actor))?;
            let deleted = if change.stopped_tokens == 0 {
                String::new()
            } else {
                format!("; {} deleted", count_tokens(change.stopped_tokens))
            };
            print(&format!("Changed the role of {email} in {} to {role}{deleted}.", workspace.slug))
        }
        MemberCommand::Remove { workspace, email } => {
            let workspace = find(db, &workspace)?;
            let user = find_user(db, &email)?;
            let (_, stopped) = db.write_blocking(|conn| remove_member(conn, &workspace, &user.uuid, &actor))?;
            let tokens = count_tokens(stopped);
            print(&format!("Removed {email} from {}; {tokens} deleted.", workspace.slug))
        }
    }
}

/// The user with this address. A user without an account is reported as not a member.
pub(crate) fn find_user(db: &Db, email: &EmailAddress) -> Result<User, MemberError> {
    let found = db.read_blocking(|conn| accounts::user_by_email(conn, email))?;
    found.map(|(user, _)| user).ok_or(MemberError::NotAMember)
}
