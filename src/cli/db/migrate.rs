//! `chattrix db migrate`.

use chattrix::store::{Database, Lock};
use clap::Args;
use serde_json::json;

use super::super::error::CliError;
use super::super::progress::Bar;
use super::super::{GlobalArgs, output};

/// The arguments of `chattrix db migrate`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix db migrate --status\n  \
    chattrix db migrate\n\n\
    A server does the same when it starts. There is no way back: make a backup first, which works \
    with any version.")]
pub struct Migrate {
    /// Print both versions and change nothing
    #[arg(long)]
    status: bool,
    /// Print JSON: {version, programVersion, pending}
    #[arg(long, requires = "status")]
    json: bool,
}

impl Migrate {
    pub fn run(self, global: &GlobalArgs) -> Result<(), CliError> {
        let context = global.context()?;
        let path = &context.settings.database;
        let known = Database::KNOWN_VERSION;
        let version = context.database_as_it_is()?.version();
        let file = path.display();
        if self.json {
            let status = json!({
                "version": version,
                "programVersion": known,
                "pending": known - version,
            });
            return Ok(output::json(&status)?);
        }
        if version == known {
            output::line(&format!(
                "{file} has version {version}, the version of this program"
            ))?;
            return Ok(());
        }
        if self.status {
            let status = format!("{file} has version {version}, this program has {known}");
            return Ok(output::line(&status)?);
        }
        let lock = Lock::take(path)?;
        let bar = Bar::spinner("upgrading the database");
        drop(Database::open_alone(path, &lock)?);
        drop((lock, bar));
        output::tell(&format!(
            "upgraded {file} from version {version} to {known}"
        ));
        Ok(())
    }
}
