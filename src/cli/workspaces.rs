//! `latchkey workspace`: parses arguments and calls the use cases.

use clap::Subcommand;

use crate::audit::actor::Actor;
use crate::base::clock::Clock;
use crate::base::random;
use crate::base::text::DisplayName;
use crate::cli::{CliError, CliResult, print, print_table};
use crate::db::Db;
use crate::workspaces::create::add_workspace;
use crate::workspaces::model::{NewWorkspace, Slug, Workspace};
use crate::workspaces::profile::WorkspaceKind;
use crate::workspaces::store as workspaces;

#[derive(Subcommand)]
pub(super) enum WorkspaceCommand {
    /// Add a workspace
    #[command(after_help = "Example: latchkey workspace add --slug acme --name Acme --kind production")]
    Add {
        /// The name in URLs, like acme-demo; can't be changed later
        #[arg(long)]
        slug: Slug,
        /// The display name
        #[arg(long)]
        name: DisplayName,
        /// demo or production
        #[arg(long)]
        kind: WorkspaceKind,
    },
    /// List all workspaces
    List,
}

pub(super) fn workspace(db: &Db, command: WorkspaceCommand, clock: &Clock) -> CliResult {
    match command {
        WorkspaceCommand::Add { slug, name, kind } => {
            let new = NewWorkspace::new(Some(slug), name, kind, clock.now(), &mut random::os_rng());
            let workspace = db.write_blocking(|conn| add_workspace(conn, &new, &Actor::command_line(new.at)))?;
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
                    workspace.uuid, workspace.slug, workspace.profile.kind, workspace.profile.name
                )
            };
            print_table("uuid\tslug\tkind\tname\tmembers", all.iter().map(line))
        }
    }
}

/// The workspace with this slug, or an error that names the slug.
pub(super) fn find(db: &Db, slug: &Slug) -> Result<Workspace, CliError> {
    db.read_blocking(|conn| workspaces::workspace_by_slug(conn, slug))?
        .ok_or_else(|| CliError::new(format!("there is no workspace with the slug {slug}")))
}
