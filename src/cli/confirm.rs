//! Confirmation before an irreversible change.

use std::io::{self, BufRead, IsTerminal, Write};

use super::error::CliError;

/// Asks like [`confirm`] at a terminal. A script has confirmed with its arguments.
pub fn confirm_at_terminal(yes: bool, question: &str) -> Result<(), CliError> {
    if io::stdin().is_terminal() {
        return confirm(yes, question);
    }
    Ok(())
}

/// Returns if `--yes` was given, or if the user confirms `question` at the terminal.
///
/// # Errors
/// The user declines, or there is no terminal, which is a usage error.
pub fn confirm(yes: bool, question: &str) -> Result<(), CliError> {
    if yes {
        return Ok(());
    }
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Err(
            CliError::usage(format!("{question} There is no terminal to confirm this"))
                .hint("--yes confirms it in a script"),
        );
    }
    let mut answer = String::new();
    // If the question cannot be shown, the answer is no.
    let _ = write!(io::stderr().lock(), "{question} [y/N] ");
    let _ = io::stdin().lock().read_line(&mut answer);
    if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    Err(CliError::new("cancelled, nothing was changed"))
}
