//! `chattrix db copy`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use chattrix::store::{self, Database, Lock};
use clap::Args;

use super::super::error::CliError;
use super::super::progress::Bar;
use super::super::{format, output};

/// The arguments of `chattrix db copy`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix db copy --from chattrix.db --to postgres://chattrix@db1/chattrix\n  \
    chattrix db copy --from postgres://chattrix@db1/chattrix --to chattrix.db\n\n\
    Stop the servers of both databases first. The new database must be empty. Number and sums of the rows are \
    compared before the copy takes effect.")]
pub struct Copy {
    /// Copy this database, a file or a URL
    #[arg(long, value_name = "DATABASE")]
    from: PathBuf,
    /// Copy into this empty database, a file or a URL
    #[arg(long, value_name = "DATABASE")]
    to: PathBuf,
}

/// Database that no server uses. The lock is released after the database is closed.
struct Alone {
    database: Database,
    _lock: Option<Lock>,
}

impl Copy {
    pub fn run(self) -> Result<(), CliError> {
        if !store::is_present(&self.from) {
            let file = self.from.display();
            return Err(CliError::new(format!("there is no database {file}")));
        }
        let from = open(&self.from)?;
        let to = open(&self.to)?;
        let started = Instant::now();
        let bar = Bar::new("copying");
        let rows = from
            .database
            .copy_to(&to.database, |progress| bar.set(progress))?;
        drop(bar);
        let took = format::duration(started.elapsed());
        let target = self.to.display();
        output::tell(&format!("{target}: {rows} rows in {took}, compared"));
        Ok(())
    }
}

/// Opens the database at `path`, creates it if it is missing, and keeps servers away from a file.
fn open(path: &Path) -> Result<Alone, CliError> {
    if !store::is_url(path) {
        let lock = Lock::take(path)?;
        return Ok(Alone {
            database: Database::open_alone(path, &lock)?,
            _lock: Some(lock),
        });
    }
    let database = Database::open(path)?;
    if Lock::is_held(path)? {
        return Err(store::Error::InUse {
            path: path.to_owned(),
        }
        .into());
    }
    Ok(Alone {
        database,
        _lock: None,
    })
}
