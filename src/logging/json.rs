//! Log lines as JSON whose values cannot control a terminal: the formatter escapes control characters below U+0020
//! alone.

use std::fmt::Write as _;
use std::io::{self, Write};

use tracing_subscriber::fmt::MakeWriter;

use super::is_terminal_control;

/// Writer that escapes terminal control characters in lines of JSON and passes them to the writer `M`.
pub(super) struct JsonLines<M>(pub M);

/// Line of JSON being written. The formatter writes each event at once.
pub(super) struct JsonLine<W>(W);

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for JsonLines<M> {
    type Writer = JsonLine<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        JsonLine(self.0.make_writer())
    }
}

impl<W: Write> Write for JsonLine<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .write_all(escaped_json(&String::from_utf8_lossy(bytes)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Escapes control and direction characters in JSON (RFC 8259, section 7), where they occur only inside texts.
#[must_use]
pub fn escaped_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && is_terminal_control(c) {
            // All of them are in the basic multilingual plane: one escape each.
            let _ = write!(escaped, "\\u{:04x}", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn direction_characters_are_escaped_in_json() {
        let line = "{\"user\":\"a\u{202e}b\u{7f}\u{9b}\u{2066}é\"}\n";
        let expected = "{\"user\":\"a\\u202eb\\u007f\\u009b\\u2066é\"}\n";
        assert_eq!(escaped_json(line), expected);
        let value: serde_json::Value = serde_json::from_str(expected).expect("JSON");
        assert_eq!(value["user"], "a\u{202e}b\u{7f}\u{9b}\u{2066}é");
    }
}
