//! Instants, and the only reader of the system's clock.
//!
//! Everything else is handed the time it acts at, so that sixty seconds pass in no time in a test.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

/// An instant: milliseconds since the Unix epoch, UTC.
///
/// Displayed as RFC 3339 with milliseconds, `2024-01-15T10:30:00.123Z` (contract section 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The latest instant that RFC 3339 can write: the end of the year 9999.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// The instant `ms` milliseconds after the Unix epoch.
    #[must_use]
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }

    /// The instant that `text` spells in RFC 3339, or none where it spells none from 1970 to 9999.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let at = DateTime::parse_from_rfc3339(text).ok()?.timestamp_millis();
        (0..=Self::MAX.0).contains(&at).then_some(Self(at))
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// This instant moved into the future by `duration`, at most to [`Timestamp::MAX`].
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)).min(Self::MAX.0))
    }

    /// This instant moved into the past by `duration`.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }

    /// The time from `earlier` to this instant; zero where `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl From<Timestamp> for DateTime<Utc> {
    fn from(at: Timestamp) -> Self {
        Self::from_timestamp_millis(at.0).unwrap_or_default()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&DateTime::from(*self).to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

/// Where the time comes from: the system, or a hand that a test moves.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The system's clock.
    #[default]
    System,
    /// A clock that stands still until it is moved.
    Manual(ManualClock),
}

impl Clock {
    /// The instant now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp(Utc::now().timestamp_millis()),
            Self::Manual(clock) => clock.now(),
        }
    }
}

/// A clock that a test moves by hand; clones share the hand.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock that shows `start`.
    #[must_use]
    pub fn starting_at(start: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(start.0)))
    }

    /// The instant shown.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }

    /// Moves the hand forward.
    pub fn advance(&self, duration: Duration) {
        self.0.fetch_add(millis(duration), Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_reads_as_rfc_3339_in_utc_with_milliseconds() {
        assert_eq!(
            Timestamp::from_millis(1_705_314_600_123).to_string(),
            "2024-01-15T10:30:00.123Z"
        );
        assert_eq!(
            Timestamp::from_millis(0).to_string(),
            "1970-01-01T00:00:00.000Z"
        );
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn an_instant_is_read_with_any_offset() {
        let at = Some(Timestamp::from_millis(1_705_314_600_123));
        assert_eq!(Timestamp::parse("2024-01-15T10:30:00.123Z"), at);
        assert_eq!(Timestamp::parse("2024-01-15T17:30:00.123+07:00"), at);
        for bad in ["", "2024-01-15", "10:30", "1969-12-31T23:59:59Z"] {
            assert_eq!(Timestamp::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn time_before_an_instant_is_no_time_since_it() {
        let at = Timestamp::from_millis(1_000);
        assert_eq!(at.since(at.plus(Duration::from_secs(5))), Duration::ZERO);
        assert_eq!(
            at.plus(Duration::from_secs(5)).since(at),
            Duration::from_secs(5)
        );
    }

    #[test]
    fn a_manual_clock_moves_only_by_hand() {
        let hand = ManualClock::starting_at(Timestamp::from_millis(7));
        let clock = Clock::Manual(hand.clone());
        assert_eq!(clock.now(), Timestamp::from_millis(7));
        hand.advance(Duration::from_mins(1));
        assert_eq!(clock.now(), Timestamp::from_millis(60_007));
    }
}
