//! Fields of the text log, written so that a value can forge neither a field nor a line.
//!
//! A value from a client (a session id, a name) may hold spaces, quotes, line breaks or characters that control a
//! terminal. Such a value is quoted and escaped; any other one is written as it is.

use std::fmt::{self, Debug};

use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;

/// Whether a terminal obeys `c` in place of showing it: control characters, and the invisible ones that join or
/// reorder text.
#[must_use]
pub fn is_terminal_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Formatter of the fields of a line: `message key=value key="quoted value"`.
pub(super) struct TextFields;

impl<'w> FormatFields<'w> for TextFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut line = Line {
            writer,
            is_first: true,
            result: Ok(()),
        };
        fields.record(&mut line);
        line.result
    }
}

struct Line<'w> {
    writer: Writer<'w>,
    is_first: bool,
    result: fmt::Result,
}

impl Line<'_> {
    fn write(&mut self, field: &Field, value: &str) -> fmt::Result {
        if !std::mem::take(&mut self.is_first) {
            self.writer.write_char(' ')?;
        }
        match field.name() {
            "message" => escaped(&mut self.writer, value),
            name => {
                self.writer.write_str(name.trim_start_matches("r#"))?;
                self.writer.write_char('=')?;
                self.writer.write_str(value)
            }
        }
    }

    fn add(&mut self, field: &Field, value: &str) {
        // Of records of `log`, whose target and place are in the line already.
        let is_of_log = field.name().starts_with("log.");
        if self.result.is_ok() && !is_of_log {
            self.result = self.write(field, value);
        }
    }
}

impl Visit for Line<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.add(field, value),
            _ => self.add(field, &format!("{value:?}")),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" || is_plain(&text) || is_quoted(&text) {
            self.add(field, &text);
        } else {
            self.add(field, &format!("{text:?}"));
        }
    }
}

/// Whether `text` is one word that needs no quotes.
fn is_plain(text: &str) -> bool {
    let is_odd = |c: char| {
        c.is_whitespace() || is_terminal_control(c) || matches!(c, '"' | '=' | '\\' | '\u{feff}')
    };
    !text.is_empty() && !text.chars().any(is_odd)
}

/// Whether `text` is one quoted and escaped text, as `Debug` writes it.
fn is_quoted(text: &str) -> bool {
    let inner = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inner.is_some_and(|inner| {
        let mut is_escaped = false;
        let all_good = inner.chars().all(|c| {
            let good = !is_terminal_control(c) && (c != '"' || is_escaped);
            is_escaped = c == '\\' && !is_escaped;
            good
        });
        all_good && !is_escaped
    })
}

/// Writes `text` with its control characters escaped.
fn escaped(writer: &mut Writer<'_>, text: &str) -> fmt::Result {
    for c in text.chars() {
        if is_terminal_control(c) {
            write!(writer, "{}", c.escape_default())?;
        } else {
            writer.write_char(c)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_values_have_no_quotes_and_others_do() {
        for plain in ["alice", "018d0cab-c440-7abc", "[::1]:80", "Some(3)", "Zoë"] {
            assert!(is_plain(plain), "{plain}");
        }
        for odd in [
            "",
            "a b",
            "a=b",
            "a\"b",
            "a\nb",
            "a\u{202e}b",
            "a\u{200b}b",
            "a\\b",
        ] {
            assert!(!is_plain(odd), "{odd:?}");
        }
    }

    #[test]
    fn quoted_is_one_text_to_its_end() {
        for quoted in [r#""a b""#, r#""a \" b""#, r#""""#] {
            assert!(is_quoted(quoted), "{quoted}");
        }
        for forged in [r#""a" user="b""#, r#"""#, r#""a\""#, "\"a\nb\""] {
            assert!(!is_quoted(forged), "{forged}");
        }
    }
}
