//! Repeated log lines: of each kind the first ones in a minute are written, the others are counted and summed up in one
//! line. Requests that are rejected cost their sender next to nothing; they must not fill the disk.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Lines of one kind that are written in a minute.
const WRITTEN: u32 = 60;

/// Maximum number of kinds with a count of their own.
const KINDS: usize = 1_024;

const MINUTE: Duration = Duration::from_mins(1);

/// Counts of repeated log lines, by their kind.
pub struct RepeatedLines<K> {
    kinds: Mutex<HashMap<K, Window>>,
    has_omitted: AtomicBool,
}

/// Lines of one kind since `began`.
struct Window {
    began: Instant,
    lines: u32,
}

impl<K> Default for RepeatedLines<K> {
    fn default() -> Self {
        Self {
            kinds: Mutex::default(),
            has_omitted: AtomicBool::new(false),
        }
    }
}

impl<K: Eq + Hash> RepeatedLines<K> {
    /// Counts a line. Returns whether to write it.
    pub fn count(&self, kind: K, now: Instant) -> bool {
        let mut kinds = self.kinds.lock();
        if kinds.len() >= KINDS && !kinds.contains_key(&kind) {
            return false;
        }
        let window = kinds.entry(kind).or_insert(Window {
            began: now,
            lines: 0,
        });
        window.lines = window.lines.saturating_add(1);
        let is_written = window.lines <= WRITTEN;
        if !is_written {
            self.has_omitted.store(true, Ordering::Relaxed);
        }
        is_written
    }

    /// Removes the kinds that began a minute ago. Returns those of which lines were not written, and how many.
    pub fn take_sums(&self, now: Instant) -> Vec<(K, u32)> {
        let mut kinds = self.kinds.lock();
        let over = kinds.extract_if(|_, window| now.duration_since(window.began) >= MINUTE);
        let sums = over.map(|(kind, window)| (kind, window.lines.saturating_sub(WRITTEN)));
        let sums = sums.filter(|(_, omitted)| *omitted > 0).collect();
        self.has_omitted.store(
            kinds.values().any(|window| window.lines > WRITTEN),
            Ordering::Relaxed,
        );
        sums
    }

    /// Returns true if there are suppressed lines that [`RepeatedLines::take_sums`] has not returned.
    pub fn has_omitted(&self) -> bool {
        self.has_omitted.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_60_in_a_minute_are_summed_up() {
        let (lines, now) = (RepeatedLines::default(), Instant::now());
        assert!((0..WRITTEN).all(|_| lines.count(429, now)));
        assert!(!lines.has_omitted());
        assert!((0..5).all(|_| !lines.count(429, now)));
        assert!(lines.count(401, now), "another kind");
        assert!(lines.has_omitted());
        assert_eq!(lines.take_sums(now), []);
        assert_eq!(lines.take_sums(now + MINUTE), [(429, 5)]);
        assert!(!lines.has_omitted());
        assert!(lines.count(429, now + MINUTE));
    }

    #[test]
    fn kinds_are_bounded() {
        let (lines, now) = (RepeatedLines::default(), Instant::now());
        let written = (0..2 * KINDS).filter(|kind| lines.count(*kind, now));
        assert_eq!(written.count(), KINDS);
        lines.take_sums(now + MINUTE);
        assert!(lines.count(2 * KINDS, now + MINUTE));
    }
}
