//! Output of commands: text, JSON and tables.

use std::io::{self, IsTerminal, Write};

use chattrix::call::Status;
use chattrix::logging::{escaped_json, is_terminal_control};
use clap::builder::StyledStr;
use clap::builder::styling::{AnsiColor, Style};
use comfy_table::Table;
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

    /// Returns the cell as standard output shows it.
    pub fn shown(&self) -> comfy_table::Cell {
        let cell = comfy_table::Cell::new(printable(&self.text));
        match self.tint.filter(|_| wants_colour(&io::stdout())) {
            Some(tint) => cell.fg(tint.colour()),
            None => cell,
        }
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
    writeln!(io::stdout().lock(), "{}", composed(text))
}

/// Prints text that ends with a line break.
pub fn text(text: &str) -> io::Result<()> {
    write!(io::stdout().lock(), "{text}")
}

/// Clears the terminal (ECMA-48, CUP and ED), if standard output is one.
pub fn clear() -> io::Result<()> {
    let mut out = io::stdout().lock();
    if out.is_terminal() {
        out.write_all(b"\x1b[H\x1b[2J")?;
    }
    Ok(())
}

/// Prints a line for the user on standard error. If standard error is closed, the command continues.
pub fn tell(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", composed(text));
}

/// Prints a text of clap on standard error. It may quote an argument, which may come from other users.
pub fn tell_styled(text: &StyledStr) {
    let shown = if wants_colour(&io::stderr()) {
        text.ansi().to_string()
    } else {
        text.to_string()
    };
    let _ = write!(io::stderr().lock(), "{}", composed(&shown));
}

/// Prints JSON.
pub fn json(value: &Value) -> io::Result<()> {
    line(&escaped_json(&format!("{value:#}")))
}

/// Returns the width of the terminal, or 100 without one.
pub fn width() -> usize {
    let width = Table::new().width().filter(|&width| width > 0);
    width.map_or(100, usize::from)
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

/// Replaces the characters that control a terminal or reorder text. Names come from other users.
pub fn printable(text: &str) -> String {
    let shown = |c| match c {
        c if is_terminal_control(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    text.chars().map(shown).collect()
}

/// Replaces them in text of several parts, but for line breaks, tabs and the colours of [`Tint`].
fn composed(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(is_terminal_control) {
        let (before, from) = rest.split_at(at);
        shown.push_str(before);
        let kept = from.len() - from.trim_start_matches(['\n', '\t']).len();
        let length = if kept > 0 { kept } else { colour_length(from) };
        if length > 0 {
            shown.push_str(&from[..length]);
            rest = &from[length..];
        } else {
            shown.push(char::REPLACEMENT_CHARACTER);
            rest = &from[from.chars().next().map_or(0, char::len_utf8)..];
        }
    }
    shown + rest
}

/// Returns the length of the colour sequence (ECMA-48, SGR) at the start of `text`, or 0.
fn colour_length(text: &str) -> usize {
    let digits = text.strip_prefix("\u{1b}[").and_then(|rest| {
        let length = rest.find(|c: char| !c.is_ascii_digit() && c != ';')?;
        rest[length..].starts_with('m').then_some(length)
    });
    digits.map_or(0, |length| length + 3)
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
        for c in [
            '\u{61c}', '\u{200b}', '\u{200f}', '\u{2028}', '\u{2066}', '\u{2069}',
        ] {
            assert_eq!(printable(&c.to_string()), "\u{fffd}", "{c:?}");
        }
        assert_eq!(printable("Zoë 山田 👋"), "Zoë 山田 👋");
    }

    #[test]
    fn lines_keep_their_colours_and_no_other_sequence() {
        let ours = "\u{1b}[32mACTIVE\u{1b}[0m\n\tnext";
        assert_eq!(composed(ours), ours);
        assert_eq!(
            composed("a\u{1b}[2Jb\u{1b}]0;t\u{7}"),
            "a\u{fffd}[2Jb\u{fffd}]0;t\u{fffd}"
        );
        assert_eq!(composed("a\u{202e}b\u{1b}["), "a\u{fffd}b\u{fffd}[");
    }

    #[test]
    fn json_escapes_direction_characters() {
        let json = serde_json::json!({ "name": "a\u{202e}b\u{9b}\n" });
        let shown = escaped_json(&format!("{json:#}"));
        assert!(shown.contains(r"a\u202eb\u009b\n"), "{shown}");
        let read: Value = serde_json::from_str(&shown).expect("JSON");
        assert_eq!(read, json);
    }
}
