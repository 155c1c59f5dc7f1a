//! `latchkey user`: parses arguments, prompts for passwords and calls the use cases.

use std::io::{BufRead as _, IsTerminal as _};

use clap::Subcommand;
use zeroize::Zeroizing;

use crate::accounts::access::{set_active, set_password};
use crate::accounts::create::add_user;
use crate::accounts::model::{EmailAddress, NewUser};
use crate::accounts::password_reset::{self, ResetError};
use crate::accounts::{
    model::PasswordHash,
    password::{NewPassword, PasswordHasher},
};
use crate::accounts::{site_settings, store as accounts};
use crate::base::clock::Clock;
use crate::base::public_url::PublicUrl;
use crate::base::random;
use crate::base::text::DisplayName;
use crate::cli::{CliError, CliResult, eprint_note, print};
use crate::db::Db;

#[derive(Subcommand)]
pub enum UserCommand {
    /// Add a person; asks for their password
    Add {
        /// Their e-mail address, to sign in with
        #[arg(long)]
        email: EmailAddress,
        /// What they are called
        #[arg(long)]
        name: DisplayName,
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

pub fn user(db: &Db, command: UserCommand, clock: &Clock) -> CliResult {
    let now = clock.now();
    match command {
        UserCommand::Add { email, name, password_stdin } => {
            let new =
                NewUser::new(email.clone(), name, read_password(&email, password_stdin)?, now, &mut random::os_rng());
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
            let hash = read_password(&email, password_stdin)?;
            set_password(db, &email, &hash, now)?.ok_or_else(|| no_user(&email))?;
            print(&format!(
                "{} has a new password. Their sessions are over; their tokens go on working.",
                email.as_str()
            ))
        }
        UserCommand::ResetPassword { email, public_url } => {
            let last_public_url = db.read_blocking(site_settings::public_url)?;
            let url = public_url.or(last_public_url).ok_or_else(|| {
                CliError::usage(
                    "no server was started on this database yet; say --public-url, like https://tokens.example",
                )
            })?;
            let code =
                password_reset::new_link(db, &email, now, &mut random::os_rng()).map_err(|error| match error {
                    ResetError::Nobody => no_user(&email),
                    other => CliError::new(format!("{}: {other}", email.as_str())),
                })?;
            print(&url.join(&format!("/reset/{}", code.reveal())))?;
            eprint_note(&format!("The link lets {} set a new password, once, for 24 hours.", email.as_str()));
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

pub(crate) fn no_user(email: &EmailAddress) -> CliError {
    CliError::new(format!("there is no user with the e-mail address {}", email.as_str()))
}

/// Reads a password from standard input, or prompts for it twice, and hashes it.
fn read_password(email: &EmailAddress, from_stdin: bool) -> Result<PasswordHash, CliError> {
    let text = if from_stdin {
        let mut line = Zeroizing::new(String::new());
        std::io::stdin().lock().read_line(&mut line)?;
        Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned())
    } else {
        if !std::io::stdin().is_terminal() {
            return Err(CliError::usage("there is nobody to ask for a password; pipe it in and say --password-stdin"));
        }
        let first = Zeroizing::new(rpassword::prompt_password("New password: ")?);
        let second = Zeroizing::new(rpassword::prompt_password("Again: ")?);
        if first != second {
            return Err(CliError::new("the two passwords differ; nothing was changed"));
        }
        first
    };
    let password = NewPassword::parse(&text, Some(email))
        .map_err(|error| CliError::new(format!("{error} Nothing was changed.")))?;
    Ok(PasswordHasher::owasp().hash_blocking(&password, &mut random::os_rng())?)
}
