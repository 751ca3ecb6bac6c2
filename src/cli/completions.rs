//! `chattrix completions`: shell completions.

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::error::CliError;
use super::{Cli, output};

/// The arguments of `chattrix completions`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix completions bash >/etc/bash_completion.d/chattrix\n  \
    chattrix completions zsh >\"${fpath[1]}/_chattrix\"\n  \
    chattrix completions fish >~/.config/fish/completions/chattrix.fish")]
pub struct Completions {
    /// Select the shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub fn run(self) -> Result<(), CliError> {
        // Into memory: the library panics if the output is closed.
        let mut script = Vec::new();
        generate(self.shell, &mut Cli::command(), "chattrix", &mut script);
        Ok(output::text(&String::from_utf8_lossy(&script))?)
    }
}
