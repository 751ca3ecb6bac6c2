//! `chattrix db backup`.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf, absolute};
use std::time::Instant;

use chattrix::clock::{Clock, Timestamp};
use chattrix::store;
use clap::Args;
use serde_json::{Value, json};

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
        let context = global.context()?;
        let database = context.database_as_it_is()?;
        let begun = Clock::System.now();
        let started = Instant::now();
        let bar = Bar::new("copying");
        database.back_up(&self.file, |progress| bar.set(progress))?;
        drop(bar);
        note(&context.settings.database, &self.file, begun);
        let file = self.file.display();
        let size = fs::metadata(&self.file).map_or(0, |metadata| metadata.len());
        let took = format::duration(started.elapsed());
        let size = format::bytes(size);
        output::tell(&format!("{file}: {size} in {took}, checked and on disk"));
        Ok(())
    }
}

/// The last copy that `db backup` made.
pub struct LastBackup {
    /// The instant whose state it has.
    pub at: Timestamp,
    /// Its file.
    pub file: String,
}

impl LastBackup {
    pub fn to_json(&self) -> Value {
        json!({ "at": self.at.to_string(), "file": self.file })
    }
}

/// Returns the file beside `database` that names the last backup.
fn note_of(database: &Path) -> PathBuf {
    store::beside(database, "-backup")
}

/// Notes a backup for `chattrix status`. A user who may only read the database cannot, and the backup is as good.
fn note(database: &Path, file: &Path, at: Timestamp) {
    let file = absolute(file).unwrap_or_else(|_| file.to_owned());
    let mut options = fs::File::options();
    let options = options.write(true).create(true).truncate(true).mode(0o600);
    let _ = options
        .open(note_of(database))
        .and_then(|mut note| writeln!(note, "{at} {}", file.display()));
}

/// Returns the last backup of `database`, if it is known.
pub fn last(database: &Path) -> Option<LastBackup> {
    if store::is_url(database) {
        return None;
    }
    let note = fs::read_to_string(note_of(database)).ok()?;
    let (at, file) = note.trim_end().split_once(' ')?;
    Some(LastBackup {
        at: Timestamp::parse(at)?,
        file: file.to_owned(),
    })
}
