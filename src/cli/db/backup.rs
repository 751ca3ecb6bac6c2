//! `chattrix db backup`.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;

use super::super::error::CliError;
use super::super::progress::Bar;
use super::super::{GlobalArgs, format, output};

/// The arguments of `chattrix db backup`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix db backup /var/backups/chattrix-monday.db\n  \
    chattrix db backup \"/var/backups/chattrix-$(date +%F).db\"\n\n\
    The copy is the state of one instant, and the server may write meanwhile. When the command \
    ends, the copy is checked and on disk; until then its name ends in -unfinished. An existing \
    file is never overwritten.")]
pub struct Backup {
    /// Write the copy to this new file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl Backup {
    pub fn run(self, global: &GlobalArgs) -> Result<(), CliError> {
        let database = global.context()?.database_as_it_is()?;
        let started = Instant::now();
        let bar = Bar::new("copying");
        database.back_up(&self.file, |progress| bar.set(progress))?;
        drop(bar);
        let file = self.file.display();
        let size = fs::metadata(&self.file).map_or(0, |metadata| metadata.len());
        let took = format::duration(started.elapsed());
        let size = format::bytes(size);
        output::tell(&format!("{file}: {size} in {took}, checked and on disk"));
        Ok(())
    }
}
