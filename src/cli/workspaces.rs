//! `latchkey workspace`.

use clap::Subcommand;

use crate::base::clock::Clock;
use crate::base::random;
use crate::base::text::Label;
use crate::cli::{Done, Failure, print};
use crate::db::Db;
use crate::workspaces::create::add_workspace;
use crate::workspaces::model::{NewWorkspace, Slug, Workspace};
use crate::workspaces::profile::Kind;
use crate::workspaces::store as workspaces;

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
            let new = NewWorkspace::new(Some(slug), name, kind, clock.now(), &mut random::secure());
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

/// The workspace with this slug, or a failure that says so.
pub fn find(db: &Db, slug: &Slug) -> Result<Workspace, Failure> {
    db.read_blocking(|conn| workspaces::workspace_by_slug(conn, slug))?
        .ok_or_else(|| Failure::new(format!("there is no workspace with the slug {slug}")))
}
