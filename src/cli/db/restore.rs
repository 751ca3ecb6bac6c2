//! `chattrix db restore`.

use std::path::{Path, PathBuf};

use chattrix::clock::{Clock, Timestamp};
use chattrix::store::{self, Database, Lock};
use chrono::{DateTime, Utc};
use clap::Args;

use super::super::confirm::confirm;
use super::super::error::CliError;
use super::super::progress::Bar;
use super::super::{GlobalArgs, format, output};

/// The arguments of `chattrix db restore`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix db restore /var/backups/chattrix-monday.db\n  \
    chattrix db restore /var/backups/chattrix-monday.db --yes\n\n\
    Stop the server first. The command copies the backup and checks the copy before it changes \
    anything else. The old database is kept beside the new one under another name.")]
pub struct Restore {
    /// Restore this backup
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Skip the confirmation
    #[arg(long)]
    yes: bool,
}

impl Restore {
    pub fn run(self, global: &GlobalArgs) -> Result<(), CliError> {
        // The data that the name means, not a symbolic link to it.
        let named = global.context()?.settings.database;
        if store::is_url(&named) {
            return Err(store::Error::NotAFile {
                purpose: "a restore",
                tool: "pg_restore",
            }
            .into());
        }
        let path = store::data_path(&named);
        let backup = self.open(&path)?;
        // Before the lock, which creates an empty file if there is none.
        let exists = path.exists();
        let lock = Lock::take(&path).map_err(in_use)?;
        let now = Clock::System.now();
        if exists {
            confirm(self.yes, &question(&path, &backup, now)?)?;
        }
        let kept = kept_name(&path, now);
        let bar = Bar::new("copying");
        store::restore(&lock, &path, &backup, &kept, |progress| bar.set(progress))?;
        drop(bar);
        let (path, file) = (path.display(), self.file.display());
        output::tell(&format!("restored {path} from {file}"));
        if exists {
            let kept = kept.display();
            output::tell(&format!("the old database is kept as {kept}"));
        }
        Ok(())
    }

    /// The backup, which must not be the database itself.
    fn open(&self, path: &Path) -> Result<Database, CliError> {
        let file = self.file.display();
        let found = self
            .file
            .canonicalize()
            .map_err(|error| CliError::new(format!("cannot read {file}: {error}")))?;
        if path.canonicalize().is_ok_and(|path| path == found) {
            return Err(CliError::new(format!("{file} is the database itself")));
        }
        Ok(Database::open_as_it_is(&self.file)?)
    }
}

fn in_use(error: store::Error) -> CliError {
    let is_in_use = matches!(error, store::Error::InUse { .. });
    let failure = CliError::from(error);
    if is_in_use {
        failure.hint("stop the server first: its latest changes would be lost")
    } else {
        failure
    }
}

fn question(path: &Path, backup: &Database, now: Timestamp) -> Result<String, CliError> {
    let newest = backup.newest_call()?;
    let newest = newest.map_or_else(
        || "without calls".to_owned(),
        |at| format!("whose newest call is from {at} ({})", format::ago(at, now)),
    );
    let path = path.display();
    Ok(format!("Replace {path} with a backup {newest}?"))
}

/// Returns the new name of the replaced database: beside the new one, with the time.
fn kept_name(path: &Path, now: Timestamp) -> PathBuf {
    let now = DateTime::<Utc>::from(now).format("%Y%m%dT%H%M%S%.3fZ");
    let mut name = path.as_os_str().to_owned();
    name.push(format!("-replaced-{now}"));
    name.into()
}
