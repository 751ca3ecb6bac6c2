//! What a command prints.

use std::io::{self, IsTerminal, Write};

use chattrix::call::Status;
use clap::builder::styling::{AnsiColor, Style};
use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use serde_json::Value;

/// What a piece of text means, for people who see colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tint {
    /// Alive, or as it should be.
    Good,
    /// Worth a look.
    Odd,
    /// Wrong.
    Bad,
    /// Beside the point.
    Faint,
}

impl Tint {
    /// How a call's status is shown.
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
    /// A cell that stands out.
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

/// Prints text that ends with a line break of its own.
pub fn text(text: &str) -> io::Result<()> {
    write!(io::stdout().lock(), "{text}")
}

/// Says a line to the person at the terminal, on standard error. Where nobody listens any more, that is no
/// reason to break off what is being done.
pub fn tell(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Prints JSON for programs.
pub fn json(value: &Value) -> io::Result<()> {
    line(&format!("{value:#}"))
}

/// Prints a table for people. On a terminal it fits the width, with the first column whole, since that is
/// what the next command is given; elsewhere every cell is whole.
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

/// The columns of the terminal that standard output goes to; elsewhere as many as a line of text should have.
pub fn width() -> usize {
    Table::new().width().map_or(100, usize::from)
}

/// `text` in the colour of `tint`, where standard output shows colours. What it holds must be ours.
pub fn tinted(text: &str, tint: Option<Tint>) -> String {
    tinted_for(&io::stdout(), text, tint)
}

/// The same for standard error.
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

/// Colour is for a person at a terminal who has not declined it (no-color.org).
fn wants_colour(stream: &impl IsTerminal) -> bool {
    let declined = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    stream.is_terminal() && !declined("NO_COLOR") && !dumb
}

/// `text` with everything replaced that a terminal would obey or that reorders what is read:
/// control characters (escape sequences begin with one) and Unicode's direction overrides. Names
/// come from other people.
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
    fn what_a_terminal_would_obey_is_replaced() {
        assert_eq!(
            printable("a\u{1b}[31mb\rc\u{9b}d"),
            "a\u{fffd}[31mb\u{fffd}c\u{fffd}d"
        );
        assert_eq!(printable("evil\u{202e}txt"), "evil\u{fffd}txt");
        assert_eq!(printable("Zoë 山田 👋"), "Zoë 山田 👋");
    }
}
