//! `latchkey user`, `workspace` and `member`.

use std::io::{BufRead as _, IsTerminal as _};

use clap::Subcommand;
use zeroize::Zeroizing;

use latchkey::accounts::password::{NewPassword, PasswordHash, Passwords};
use latchkey::accounts::reset::{self, ResetError};
use latchkey::accounts::{EmailAddress, NewUser, User, add_user, set_active, set_password, store as accounts};
use latchkey::kernel::app::PublicUrl;
use latchkey::kernel::clock::Clock;
use latchkey::kernel::db::Db;
use latchkey::kernel::rng;
use latchkey::kernel::text::Label;
use latchkey::team::{Act, MemberError, change_role, remove_member};
use latchkey::workspaces::{Kind, NewWorkspace, Role, Slug, Workspace, add_member, add_workspace, store as workspaces};

use super::{Done, Failure, note, print};

#[derive(Subcommand)]
pub enum UserCommand {
    /// Add a person; asks for their password
    Add {
        /// Their e-mail address, to sign in with
        #[arg(long)]
        email: EmailAddress,
        /// What they are called
        #[arg(long)]
        name: Label,
        /// Read the password from the first line of standard input instead of asking
        #[arg(long)]
        password_stdin: bool,
    },
    /// List everybody
    List,
    /// Give a person a new password and end their sessions; their tokens go on working
    SetPassword {
        /// Their e-mail address
        #[arg(long)]
        email: EmailAddress,
        /// Read the password from the first line of standard input instead of asking
        #[arg(long)]
        password_stdin: bool,
    },
    /// Print a link by which a person sets a new password: it works once, for 24 hours
    ///
    /// The link stands alone on standard output. Give it to the person in a way that only they read. Nothing changes
    /// until they use it; then their sessions end, and their tokens go on working.
    ResetPassword {
        /// Their e-mail address
        #[arg(long)]
        email: EmailAddress,
        /// Where people reach the server [default: where the server that was started last is reached]
        #[arg(long, env = "LATCHKEY_PUBLIC_URL", value_name = "URL")]
        public_url: Option<PublicUrl>,
    },
    /// Keep a person out: ends their sessions, and their tokens are refused until they are activated again
    Deactivate {
        /// Their e-mail address
        #[arg(long)]
        email: EmailAddress,
    },
    /// Let a person in again
    Activate {
        /// Their e-mail address
        #[arg(long)]
        email: EmailAddress,
    },
}

pub fn user(db: &Db, command: UserCommand, clock: &Clock) -> Done {
    let now = clock.now();
    match command {
        UserCommand::Add { email, name, password_stdin } => {
            let new = NewUser::new(email.clone(), name, new_password(&email, password_stdin)?, now, &mut rng::secure());
            db.write_blocking(|conn| add_user(conn, &new, None, "command line"))?;
            print(&format!("Added {}. Make them a member of a workspace with: latchkey member add", email.as_str()))
        }
        UserCommand::List => {
            let users = db.read_blocking(accounts::users)?;
            let lines: Vec<String> = users
                .iter()
                .map(|(user, at)| {
                    [
                        user.uuid.as_str(),
                        user.email.as_str(),
                        user.name.as_str(),
                        if user.is_active { "active" } else { "deactivated" },
                        &at.to_string(),
                    ]
                    .join("\t")
                })
                .collect();
            print(
                &std::iter::once("uuid\temail\tname\tstate\tcreated_at".to_owned())
                    .chain(lines)
                    .collect::<Vec<_>>()
                    .join("\n"),
            )
        }
        UserCommand::SetPassword { email, password_stdin } => {
            if db.read_blocking(|conn| accounts::user_by_email(conn, &email))?.is_none() {
                return Err(no_user(&email));
            }
            let hash = new_password(&email, password_stdin)?;
            set_password(db, &email, &hash, now)?.ok_or_else(|| no_user(&email))?;
            print(&format!(
                "{} has a new password. Their sessions are over; their tokens go on working.",
                email.as_str()
            ))
        }
        UserCommand::ResetPassword { email, public_url } => {
            let known = db.read_blocking(accounts::public_url)?;
            let url = public_url.or(known).ok_or_else(|| {
                Failure::usage(
                    "no server was started on this database yet; say --public-url, like https://tokens.example",
                )
            })?;
            let code = reset::new_link(db, &email, now, &mut rng::secure()).map_err(|error| match error {
                ResetError::Nobody => no_user(&email),
                other => Failure::new(format!("{}: {other}", email.as_str())),
            })?;
            print(&url.join(&format!("/reset/{}", code.reveal())))?;
            note(&format!("The link lets {} set a new password, once, for 24 hours.", email.as_str()));
            Ok(())
        }
        UserCommand::Deactivate { email } => {
            set_active(db, &email, false, now)?.ok_or_else(|| no_user(&email))?;
            print(&format!("{} is deactivated. Their sessions are over and their tokens are refused.", email.as_str()))
        }
        UserCommand::Activate { email } => {
            set_active(db, &email, true, now)?.ok_or_else(|| no_user(&email))?;
            print(&format!("{} is active. Their tokens that were not deleted open the API again.", email.as_str()))
        }
    }
}

fn no_user(email: &EmailAddress) -> Failure {
    Failure::new(format!("there is no user with the e-mail address {}", email.as_str()))
}

/// Asks for a password, twice where a person types it, and hashes it.
fn new_password(email: &EmailAddress, from_stdin: bool) -> Result<PasswordHash, Failure> {
    let typed = if from_stdin {
        let mut line = Zeroizing::new(String::new());
        std::io::stdin().lock().read_line(&mut line)?;
        Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned())
    } else {
        if !std::io::stdin().is_terminal() {
            return Err(Failure::usage("there is nobody to ask for a password; pipe it in and say --password-stdin"));
        }
        let first = Zeroizing::new(rpassword::prompt_password("New password: ")?);
        let second = Zeroizing::new(rpassword::prompt_password("Again: ")?);
        if first != second {
            return Err(Failure::new("the two passwords differ; nothing was changed"));
        }
        first
    };
    let password = NewPassword::choose(&typed, Some(email))
        .map_err(|refused| Failure::new(format!("{refused} Nothing was changed.")))?;
    Ok(Passwords::strong().hash_blocking(&password, &mut rng::secure())?)
}

#[derive(Subcommand)]
pub enum WorkspaceCommand {
    /// Add a workspace
    Add {
        /// Its name in URLs, like acme-demo; never changes
        #[arg(long)]
        slug: Slug,
        /// The name people see
        #[arg(long)]
        name: Label,
        /// demo or production
        #[arg(long)]
        kind: Kind,
    },
    /// List every workspace
    List,
}

pub fn workspace(db: &Db, command: WorkspaceCommand, clock: &Clock) -> Done {
    match command {
        WorkspaceCommand::Add { slug, name, kind } => {
            let new = NewWorkspace::new(Some(slug), name, kind, clock.now(), &mut rng::secure());
            let workspace = db.write_blocking(|conn| add_workspace(conn, &new, None))?;
            print(&format!(
                "Added the workspace {} ({}). Add an administrator with: latchkey member add --workspace {} --role administrator --email …",
                workspace.slug,
                kind.label(),
                workspace.slug
            ))
        }
        WorkspaceCommand::List => {
            let all = db.read_blocking(workspaces::workspaces)?;
            let line = |(workspace, members): &(Workspace, i64)| {
                format!(
                    "{}\t{}\t{}\t{}\t{members}",
                    workspace.uuid,
                    workspace.slug,
                    workspace.profile.kind,
                    workspace.profile.name.as_str()
                )
            };
            print(
                &std::iter::once("uuid\tslug\tkind\tname\tmembers".to_owned())
                    .chain(all.iter().map(line))
                    .collect::<Vec<_>>()
                    .join("\n"),
            )
        }
    }
}

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

pub fn member(db: &Db, command: MemberCommand, clock: &Clock) -> Done {
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
            let (user, act) = (find_user(db, &email)?, Act::of_command_line(now));
            let done = db.write_blocking(|conn| change_role(conn, &workspace, &user.uuid, role, &act))?;
            let stopped = if done.stopped == 0 { String::new() } else { format!("; {} stopped", tokens(done.stopped)) };
            print(&format!("{} is {role} of {} now{stopped}.", email.as_str(), workspace.slug))
        }
        MemberCommand::Remove { workspace, email } => {
            let workspace = find(db, &workspace)?;
            let (user, act) = (find_user(db, &email)?, Act::of_command_line(now));
            let (_, stopped) = db.write_blocking(|conn| remove_member(conn, &workspace, &user.uuid, &act))?;
            let tokens = tokens(stopped);
            print(&format!("{} is no member of {} any more; {tokens} stopped.", email.as_str(), workspace.slug))
        }
    }
}

fn tokens(count: usize) -> String {
    if count == 1 { "1 token".to_owned() } else { format!("{count} tokens") }
}

/// The user with this address; somebody who has no account is no member either.
fn find_user(db: &Db, email: &EmailAddress) -> Result<User, MemberError> {
    let found = db.read_blocking(|conn| accounts::user_by_email(conn, email))?;
    found.map(|(user, _)| user).ok_or(MemberError::NotAMember)
}

/// The workspace with this slug, or a failure that says so.
pub fn find(db: &Db, slug: &Slug) -> Result<Workspace, Failure> {
    db.read_blocking(|conn| workspaces::workspace_by_slug(conn, slug))?
        .ok_or_else(|| Failure::new(format!("there is no workspace with the slug {slug}")))
}
