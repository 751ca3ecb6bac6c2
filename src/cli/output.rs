//! Output of commands: text, JSON and tables.

use std::io::{self, IsTerminal, Write};

use chattrix::call::Status;
use clap::builder::styling::{AnsiColor, Style};
use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use serde_json::Value;

/// Meaning of a coloured text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tint {
    /// Live, or in order.
    Good,
    /// Needs attention.
    Odd,
    /// Wrong.
    Bad,
    /// Secondary.
    Faint,
}

impl Tint {
    /// Returns the tint of a call status.
    pub const fn of(status: Status) -> Option<Self> {
        match status {
            Status::Initiating | Status::Ringing | Status::Connecting | Status::Active => {
                Some(Self::Good)
            }
            Status::Missed => Some(Self::Odd),
            Status::Rejected => Some(Self::Bad),
            Status::Ended => None,
        }
    }

    const fn style(self) -> Style {
        match self {
            Self::Good => AnsiColor::Green.on_default(),
            Self::Odd => AnsiColor::Yellow.on_default(),
            Self::Bad => AnsiColor::Red.on_default(),
            Self::Faint => Style::new().dimmed(),
        }
    }

    const fn colour(self) -> comfy_table::Color {
        match self {
            Self::Good => comfy_table::Color::DarkGreen,
            Self::Odd => comfy_table::Color::DarkYellow,
            Self::Bad => comfy_table::Color::DarkRed,
            Self::Faint => comfy_table::Color::DarkGrey,
        }
    }
}

/// One cell of a table.
pub struct Cell {
    text: String,
    tint: Option<Tint>,
}

impl Cell {
    /// Creates a coloured cell.
    pub fn tinted(text: impl Into<String>, tint: Option<Tint>) -> Self {
        let text = text.into();
        Self { text, tint }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::tinted(text, None)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::tinted(text, None)
    }
}

/// Prints a line.
pub fn line(text: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

/// Prints text that ends with a line break.
pub fn text(text: &str) -> io::Result<()> {
    write!(io::stdout().lock(), "{text}")
}

/// Prints a line for the user on standard error. If standard error is closed, the command continues.
pub fn tell(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Prints JSON.
pub fn json(value: &Value) -> io::Result<()> {
    line(&format!("{value:#}"))
}

/// Prints a table. On a terminal it fits the width and keeps the first column complete, because the next command
/// needs it; elsewhere every cell is complete.
pub fn table<C: Into<Cell>>(
    header: &[&str],
    rows: impl IntoIterator<Item = Vec<C>>,
) -> io::Result<()> {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_header(header.to_vec());
    if io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    } else {
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    let colours = wants_colour(&io::stdout());
    for row in rows {
        table.add_row(row.into_iter().map(|cell| {
            let Cell { text, tint } = cell.into();
            let cell = comfy_table::Cell::new(printable(&text));
            match tint.filter(|_| colours) {
                Some(tint) => cell.fg(tint.colour()),
                None => cell,
            }
        }));
    }
    if let Some(first) = table.column_mut(0) {
        first.set_constraint(ColumnConstraint::ContentWidth);
    }
    line(&table.trim_fmt())
}

/// Returns the width of the terminal, or 100 without one.
pub fn width() -> usize {
    Table::new().width().map_or(100, usize::from)
}

/// Returns `text` in the colour of `tint`, if standard output shows colours. `text` must not come from users.
pub fn tinted(text: &str, tint: Option<Tint>) -> String {
    tinted_for(&io::stdout(), text, tint)
}

/// Like [`tinted`], for standard error.
pub fn tinted_talk(text: &str, tint: Tint) -> String {
    tinted_for(&io::stderr(), text, Some(tint))
}

fn tinted_for(stream: &impl IsTerminal, text: &str, tint: Option<Tint>) -> String {
    match tint.filter(|_| wants_colour(stream)) {
        Some(tint) => {
            let style = tint.style();
            format!("{style}{text}{style:#}")
        }
        None => text.to_owned(),
    }
}

/// Returns whether to use colour: on a terminal without `NO_COLOR` (no-color.org).
fn wants_colour(stream: &impl IsTerminal) -> bool {
    let declined = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    stream.is_terminal() && !declined("NO_COLOR") && !dumb
}

/// Replaces the characters that control a terminal or reorder text: control characters (escape sequences begin
/// with one) and Unicode direction overrides. Names come from other users.
pub fn printable(text: &str) -> String {
    let obeyed = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars()
        .map(|c| {
            if obeyed(c) {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printable_replaces_terminal_control_characters() {
        assert_eq!(
            printable("a\u{1b}[31mb\rc\u{9b}d"),
            "a\u{fffd}[31mb\u{fffd}c\u{fffd}d"
        );
        assert_eq!(printable("evil\u{202e}txt"), "evil\u{fffd}txt");
        assert_eq!(printable("Zoë 山田 👋"), "Zoë 山田 👋");
    }
}
