//! `latchkey user`: parses arguments, prompts for passwords and calls the use cases.

use std::io::{BufRead as _, IsTerminal as _};

use clap::{Args, Subcommand};
use strum::VariantArray as _;
use zeroize::Zeroizing;

use crate::accounts::access::{set_active, set_email, set_password, unverify_email, verify_emails};
use crate::accounts::create::add_user;
use crate::accounts::model::{EmailAddress, NewUser, User};
use crate::accounts::password_reset::{self, ResetError};
use crate::accounts::{model::PasswordHash, password::NewPassword, password_hasher::PasswordHasher};
use crate::accounts::{site_settings, store as accounts};
use crate::base::clock::{Clock, Timestamp};
use crate::base::public_url::PublicUrl;
use crate::base::random;
use crate::base::text::DisplayName;
use crate::cli::workspaces::find;
use crate::cli::{CliError, CliResult, eprint_note, print, print_table};
use crate::db::{Db, DbError};
use crate::workspaces::model::{Role, Slug, names_of};
use crate::workspaces::store::{list_memberships, members_with_role};

#[derive(Subcommand)]
pub(super) enum UserCommand {
    /// Add a user; asks for the password
    #[command(after_help = "Example: latchkey user add --email ada@example.org --name 'Ada Lovelace'")]
    Add {
        /// The user's email address
        #[arg(long)]
        email: EmailAddress,
        /// The user's display name
        #[arg(long)]
        name: DisplayName,
        /// Read the password from the first line of standard input instead of asking
        #[arg(long)]
        password_stdin: bool,
    },
    /// List all users
    List,
    /// Change a user's email address; the new one is verified, because you vouch for it
    SetEmail {
        /// The user's email address
        #[arg(long, value_parser = EmailAddress::for_lookup)]
        email: EmailAddress,
        /// The new email address
        #[arg(long)]
        new: EmailAddress,
    },
    /// Mark email addresses as verified: you vouch that each belongs to its user
    ///
    /// Only verified addresses are passed on to protected APIs. `latchkey user list` shows the addresses.
    #[command(after_help = "Example: latchkey user verify-email --workspace acme")]
    VerifyEmail(VerifyArgs),
    /// Mark a user's email address as not verified, so that it is no longer passed on to protected APIs
    UnverifyEmail {
        /// The user's email address
        #[arg(long, value_parser = EmailAddress::for_lookup)]
        email: EmailAddress,
    },
    /// Set a new password and end the user's sessions and open invitations; their tokens keep working
    SetPassword {
        /// The user's email address
        #[arg(long, value_parser = EmailAddress::for_lookup)]
        email: EmailAddress,
        /// Read the password from the first line of standard input instead of asking
        #[arg(long)]
        password_stdin: bool,
    },
    /// Print a link with which the user can set a new password; it works once, for 24 hours
    ///
    /// Standard output contains only the link. Send it in a way that only the user can read. Nothing changes until it is
    /// used. Its use ends the user's sessions and open invitations; their tokens keep working.
    ResetPassword {
        /// The user's email address
        #[arg(long, value_parser = EmailAddress::for_lookup)]
        email: EmailAddress,
        /// Public URL of the server [default: that of the server that was started last]
        #[arg(long, env = "LATCHKEY_PUBLIC_URL", value_name = "URL")]
        public_url: Option<PublicUrl>,
    },
    /// Deactivate a user: end their sessions and open invitations, and reject their tokens until they are activated again
    Deactivate {
        /// The user's email address
        #[arg(long, value_parser = EmailAddress::for_lookup)]
        email: EmailAddress,
    },
    /// Reactivate a user
    Activate {
        /// The user's email address
        #[arg(long, value_parser = EmailAddress::for_lookup)]
        email: EmailAddress,
    },
}

#[derive(Args)]
#[group(required = true, multiple = false)]
pub(super) struct VerifyArgs {
    /// The user with this email address
    #[arg(long, value_parser = EmailAddress::for_lookup)]
    email: Option<EmailAddress>,
    /// All members of the workspace with this slug
    #[arg(long)]
    workspace: Option<Slug>,
    /// All users
    #[arg(long)]
    all: bool,
}

impl VerifyArgs {
    fn find_users(&self, db: &Db) -> Result<Vec<User>, CliError> {
        if let Some(email) = &self.email {
            let found = db.read_blocking(|conn| accounts::user_by_email(conn, email))?;
            return Ok(vec![found.ok_or_else(|| no_user(email))?.0]);
        }
        if let Some(slug) = &self.workspace {
            let workspace = find(db, slug)?;
            let list = |conn: &mut _| {
                let by_role = Role::VARIANTS.iter().map(|role| members_with_role(conn, workspace.key, *role));
                by_role.collect::<Result<Vec<_>, DbError>>()
            };
            return Ok(db.read_blocking(list)?.concat());
        }
        Ok(db.read_blocking(accounts::list_users)?.into_iter().map(|(user, _)| user).collect())
    }
}

pub(super) fn user(db: &Db, command: UserCommand, clock: &Clock) -> CliResult {
    let now = clock.now();
    match command {
        UserCommand::Add { email, name, password_stdin } => {
            let hash = read_password(&email, &[name.as_str()], password_stdin)?;
            let new = NewUser::new(email.clone(), name, hash, now, &mut random::os_rng()).with_verified_email();
            db.write_blocking(|conn| add_user(conn, &new, None, "command line"))?;
            print(&format!("Added {email}. Make them a member of a workspace with: latchkey member add"))
        }
        UserCommand::List => {
            let users = db.read_blocking(accounts::list_users)?;
            let line = |(user, at): &(User, Timestamp)| {
                let state = if user.is_active { "active" } else { "deactivated" };
                let email_state = if user.verified_email().is_some() { "verified" } else { "unverified" };
                format!("{}\t{}\t{}\t{state}\t{at}\t{email_state}", user.uuid, user.email, user.name)
            };
            print_table("uuid\temail\tname\tstate\tcreated_at\temail_state", users.iter().map(line))
        }
        UserCommand::SetEmail { email, new } => {
            set_email(db, &email, &new, now)?.ok_or_else(|| no_user(&email))?;
            print(&format!("{email} signs in as {new} from now on. The address is verified."))
        }
        UserCommand::VerifyEmail(args) => {
            let users = args.find_users(db)?;
            let verified = verify_emails(db, &users, now)?;
            for email in &verified {
                print(&format!("Verified {email}."))?;
            }
            if users.len() > verified.len() {
                eprint_note(&format!("Already verified: {} of {}.", users.len() - verified.len(), users.len()));
            }
            Ok(())
        }
        UserCommand::UnverifyEmail { email } => {
            let user = unverify_email(db, &email, now)?.ok_or_else(|| no_user(&email))?;
            print(&format!("{} is not verified any more.", user.email))
        }
        UserCommand::SetPassword { email, password_stdin } => {
            let (user, _) =
                db.read_blocking(|conn| accounts::user_by_email(conn, &email))?.ok_or_else(|| no_user(&email))?;
            let memberships = db.read_blocking(|conn| list_memberships(conn, user.key))?;
            let hash = read_password(&email, &names_of(&user, &memberships), password_stdin)?;
            set_password(db, &email, &hash, now)?.ok_or_else(|| no_user(&email))?;
            print(&format!(
                "Set a new password for {email}. Their sessions and open invitations ended; their tokens keep working."
            ))
        }
        UserCommand::ResetPassword { email, public_url } => {
            let last_public_url = db.read_blocking(site_settings::public_url)?;
            let url = public_url.or(last_public_url).ok_or_else(|| {
                CliError::usage(
                    "no server was started with this database yet; set --public-url, like https://tokens.example",
                )
            })?;
            let code =
                password_reset::new_link(db, &email, now, &mut random::os_rng()).map_err(|error| match error {
                    ResetError::UnknownUser => no_user(&email),
                    other => CliError::new(format!("{email}: {other}")),
                })?;
            print(&url.join(&format!("/reset/{}", code.reveal())))?;
            eprint_note(&format!("With this link {email} can set a new password. It works once, for 24 hours."));
            Ok(())
        }
        UserCommand::Deactivate { email } => {
            set_active(db, &email, false, now)?.ok_or_else(|| no_user(&email))?;
            print(&format!(
                "Deactivated {email}. Their sessions and open invitations ended, and their tokens are rejected."
            ))
        }
        UserCommand::Activate { email } => {
            set_active(db, &email, true, now)?.ok_or_else(|| no_user(&email))?;
            print(&format!("Activated {email}. Their tokens that were not deleted work again."))
        }
    }
}

pub(crate) fn no_user(email: &EmailAddress) -> CliError {
    CliError::new(format!("there is no user with the email address {email}"))
}

/// Reads a password from standard input, or prompts for it twice, and hashes it. It must not contain one of `names`.
fn read_password(email: &EmailAddress, names: &[&str], from_stdin: bool) -> Result<PasswordHash, CliError> {
    let text = if from_stdin {
        let mut line = Zeroizing::new(String::new());
        std::io::stdin().lock().read_line(&mut line)?;
        Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned())
    } else {
        if !std::io::stdin().is_terminal() {
            return Err(CliError::usage(
                "standard input is not a terminal: use --password-stdin to read the password from it",
            ));
        }
        let first = Zeroizing::new(rpassword::prompt_password("New password: ")?);
        let second = Zeroizing::new(rpassword::prompt_password("Again: ")?);
        if first != second {
            return Err(CliError::new("the passwords differ; nothing was changed"));
        }
        first
    };
    let password = NewPassword::parse(&text, Some(email), names)
        .map_err(|error| CliError::new(format!("{error} Nothing was changed.")))?;
    Ok(PasswordHasher::owasp().hash_blocking(&password, &mut random::os_rng())?)
}
