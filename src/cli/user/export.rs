//! `chattrix user export`: all users, as `user import` reads them.

use std::io::{self, IsTerminal as _};

use clap::Args;

use super::super::error::CliError;
use super::super::output;
use super::super::source::Source;
use super::records::{FIELDS, marked};
use chattrix::wire::server_api::users::{json_of, standing_word};

/// The arguments of `chattrix user export`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix user export >users.csv\n  \
    chattrix user export --json >users.json\n\n\
    `chattrix user import` reads both formats. The output has no tokens and no calls; `chattrix db \
    backup` copies everything.")]
pub struct Export {
    /// Print JSON: a list of {id, name, avatar, standing}
    #[arg(long)]
    json: bool,
}

impl Export {
    pub fn run(self, source: &dyn Source) -> Result<(), CliError> {
        let users = source.users()?;
        if self.json {
            return Ok(output::json(&users.iter().map(json_of).collect())?);
        }
        let mut csv = csv::Writer::from_writer(io::stdout().lock());
        csv.write_record(FIELDS).map_err(output_error)?;
        let is_terminal = io::stdout().is_terminal();
        for user in &users {
            let avatar = user.profile.avatar.as_deref().unwrap_or_default();
            let row = [
                user.profile.id.as_str(),
                &user.profile.name,
                avatar,
                standing_word(user.standing),
            ];
            let row = row.map(|cell| match marked(cell) {
                cell if is_terminal => output::printable(&cell),
                cell => cell.into_owned(),
            });
            csv.write_record(row).map_err(output_error)?;
        }
        Ok(csv.flush()?)
    }
}

/// Returns the I/O error inside a CSV error. The library's own conversion hides its kind, and a closed output would be
/// an error.
fn output_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}
