//! Warnings and errors of the log that were last written, in memory, for the status of the server.

use std::collections::VecDeque;

use parking_lot::Mutex;
use tracing::callsite::Identifier;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::layer::Context;

use crate::clock::{Clock, Timestamp};

use super::text::TextFields;

/// Kinds of lines that are remembered.
const KINDS: usize = 50;

/// Maximum length of a line in bytes.
const LONGEST: usize = 500;

/// Warning or error of the log; lines of the same kind are one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecentLine {
    /// When the last one was logged.
    pub at: Timestamp,
    /// Whether it is an error.
    pub is_error: bool,
    /// The last one, with its fields.
    pub text: String,
    /// How many there were.
    pub count: u64,
}

/// The last kinds of warnings and errors, the newest last.
pub(super) struct RecentLines(Mutex<VecDeque<(Identifier, RecentLine)>>);

/// The lines of the installed log. Global, as the log itself is.
pub(super) static RECENT: RecentLines = RecentLines(Mutex::new(VecDeque::new()));

impl RecentLines {
    /// Returns the lines, newest first.
    pub fn all(&self) -> Vec<RecentLine> {
        let lines = self.0.lock();
        lines.iter().rev().map(|(_, line)| line.clone()).collect()
    }

    fn add(&self, metadata: &Metadata<'_>, text: String, at: Timestamp) {
        let kind = metadata.callsite();
        // Records of `log` share their call site.
        let is_shared = metadata.target() == "log";
        let mut lines = self.0.lock();
        let known = lines
            .iter()
            .position(|(one, line)| *one == kind && (!is_shared || line.text == text));
        let before = known.and_then(|index| lines.remove(index));
        let line = RecentLine {
            at,
            is_error: *metadata.level() == Level::ERROR,
            text,
            count: before.map_or(1, |(_, line)| line.count.saturating_add(1)),
        };
        if lines.len() == KINDS {
            lines.pop_front();
        }
        lines.push_back((kind, line));
    }
}

/// Layer that remembers warnings and errors in `RecentLines`.
pub(super) struct RecentLayer(pub &'static RecentLines);

impl<S: Subscriber> Layer<S> for RecentLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        // A more severe level is the lesser one.
        if *event.metadata().level() > Level::WARN {
            return;
        }
        let mut text = String::new();
        if TextFields
            .format_fields(Writer::new(&mut text), event)
            .is_ok()
        {
            text.truncate(text.floor_char_boundary(LONGEST));
            self.0.add(event.metadata(), text, Clock::System.wall());
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::Registry;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    static LINES: RecentLines = RecentLines(Mutex::new(VecDeque::new()));

    #[test]
    fn lines_of_one_kind_are_counted_together() {
        let subscriber = Registry::default().with(RecentLayer(&LINES));
        tracing::subscriber::with_default(subscriber, || {
            for disk in 1..=3 {
                tracing::warn!(disk, "nearly full");
            }
            tracing::info!("not remembered");
            tracing::error!(text = "x".repeat(2 * LONGEST), "failed");
        });
        let shown: Vec<_> = LINES
            .all()
            .into_iter()
            .map(|line| (line.is_error, line.count, line.text))
            .collect();
        assert_eq!(shown.len(), 2, "{shown:?}");
        assert!(shown[0].0 && shown[0].2.len() == LONGEST, "{shown:?}");
        assert_eq!(shown[1], (false, 3, "nearly full disk=3".to_owned()));
    }
}
