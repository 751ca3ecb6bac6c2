//! The question before something that cannot be taken back.

use std::io::{self, BufRead, IsTerminal, Write};

use super::error::CliError;

/// Goes on as [`confirm`] does where a person is at a terminal; a script has named what goes in its arguments.
pub fn confirm_at_terminal(yes: bool, question: &str) -> Result<(), CliError> {
    if io::stdin().is_terminal() {
        return confirm(yes, question);
    }
    Ok(())
}

/// Goes on where the person at the terminal says yes to `question`, or `--yes` has said so already.
///
/// # Errors
/// They say no; or there is no terminal to ask at, which makes the command line incomplete.
pub fn confirm(yes: bool, question: &str) -> Result<(), CliError> {
    if yes {
        return Ok(());
    }
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Err(
            CliError::usage(format!("{question} There is no terminal to ask at"))
                .hint("--yes says yes beforehand"),
        );
    }
    let mut answer = String::new();
    // Where the question cannot be shown, it is not answered with yes either.
    let _ = write!(io::stderr().lock(), "{question} [y/N] ");
    let _ = io::stdin().lock().read_line(&mut answer);
    if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    Err(CliError::new("nothing was done"))
}
