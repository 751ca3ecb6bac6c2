//! `chattrix db check`.

use chattrix::store;
use clap::Args;
use serde_json::json;

use super::super::error::CliError;
use super::super::progress::Bar;
use super::super::{GlobalArgs, output};

/// The arguments of `chattrix db check`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix db check\n  \
    chattrix db check --database /var/backups/chattrix-monday.db\n\n\
    The command reads the whole file and changes nothing. The server may run. The exit code is 1 \
    if the check finds anything. On PostgreSQL it reads the rows; pg_amcheck checks the files.")]
pub struct Check {
    /// Print JSON: {ok, findings}
    #[arg(long)]
    json: bool,
}

impl Check {
    pub fn run(self, global: &GlobalArgs) -> Result<(), CliError> {
        let context = global.context()?;
        let database = context.database_as_it_is()?;
        let spinner = Bar::spinner("checking");
        let findings = database.check()?;
        drop(spinner);
        let ok = findings.is_empty();
        if self.json {
            output::json(&json!({ "ok": ok, "findings": findings }))?;
        } else {
            for finding in &findings {
                output::line(&output::printable(finding))?;
            }
        }
        let file = context.settings.database.display();
        if ok {
            output::tell(&format!("{file} has no damage and no inconsistencies"));
            return Ok(());
        }
        let hint = if store::is_url(&context.settings.database) {
            "repair the rows or restore a backup, then restart the servers"
        } else {
            "keep a copy of the file and its -wal file; chattrix db restore FILE replaces the \
             database with a backup"
        };
        Err(CliError::new(format!("{} findings in {file}", findings.len())).hint(hint))
    }
}
