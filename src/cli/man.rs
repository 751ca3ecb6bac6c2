//! `chattrix man`: manual pages, generated from the help.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_mangen::{Man as Page, generate_to};

use super::error::CliError;
use super::{Cli, output};

/// The arguments of `chattrix man`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix man | man -l -\n  \
    chattrix man --to /usr/local/share/man/man1")]
pub struct Man {
    /// Write a page for each command to this folder
    #[arg(long, value_name = "FOLDER")]
    to: Option<PathBuf>,
}

impl Man {
    pub fn run(self) -> Result<(), CliError> {
        let command = Cli::command().disable_help_subcommand(true);
        let Some(folder) = self.to else {
            let mut page = Vec::new();
            Page::new(command).render(&mut page)?;
            return Ok(output::text(&String::from_utf8_lossy(&page))?);
        };
        let shown = folder.display();
        generate_to(command, &folder).map_err(|error| {
            CliError::new(format!("cannot write the pages to {shown}: {error}"))
        })?;
        output::tell(&format!("wrote a page for each command to {shown}"));
        Ok(())
    }
}
