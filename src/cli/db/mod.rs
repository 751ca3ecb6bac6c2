//! `chattrix db`: the database file, looked after.

pub mod backup;
mod check;
mod copy;
mod migrate;
mod nodes;
mod prune;
mod restore;
pub mod stats;

use clap::{Args, Subcommand};

use super::GlobalArgs;
use super::error::CliError;

/// The arguments of `chattrix db`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix db backup /var/backups/chattrix-monday.db\n  \
    chattrix db check\n  \
    chattrix db prune --older-than 90d --dry-run\n  \
    chattrix db stats --json\n\n\
    backup, check, prune and stats work while the server runs. Stop it for restore and migrate.")]
pub struct Db {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Copy the database to a new file
    Backup(backup::Backup),
    /// Replace the database with a backup
    Restore(restore::Restore),
    /// Check the database for damage and inconsistencies
    Check(check::Check),
    /// Delete calls that ended long ago, with their history
    Prune(prune::Prune),
    /// Show sizes and growth
    Stats(stats::Stats),
    /// Upgrade the database to this program's version
    Migrate(migrate::Migrate),
    /// Copy all data between a file and PostgreSQL
    Copy(copy::Copy),
    /// List the nodes of a PostgreSQL database
    Nodes(nodes::Nodes),
}

impl Db {
    pub fn run(self, global: &GlobalArgs) -> Result<(), CliError> {
        match self.action {
            Action::Backup(backup) => backup.run(global),
            Action::Restore(restore) => restore.run(global),
            Action::Check(check) => check.run(global),
            Action::Prune(prune) => prune.run(global),
            Action::Stats(stats) => stats.run(global),
            Action::Migrate(migrate) => migrate.run(global),
            Action::Copy(copy) => copy.run(),
            Action::Nodes(nodes) => nodes.run(global),
        }
    }
}
