//! `chattrix db`: the database file, looked after.

mod backup;
mod check;
mod migrate;
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
    backup, check, prune and stats work while the server runs; restore and migrate need it stopped.")]
pub struct Db {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Copy the database to a new file, while the server runs or not
    Backup(backup::Backup),
    /// Put a backup in the global of the database
    Restore(restore::Restore),
    /// Look for damage and contradictions
    Check(check::Check),
    /// Forget the calls that were over long ago, with their history
    Prune(prune::Prune),
    /// Show sizes and growth
    Stats(stats::Stats),
    /// Bring the database to the version of this program
    Migrate(migrate::Migrate),
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
        }
    }
}
