//! Timestamps and clocks: the only reader of the system's wall clock.
//!
//! All other code gets the current time as an argument, so that a test can let sixty seconds pass at once.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

/// Timestamp: milliseconds since the Unix epoch, UTC.
///
/// Displayed as RFC 3339 with milliseconds, `2024-01-15T10:30:00.123Z` (contract section 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The latest timestamp that RFC 3339 can express: the end of the year 9999.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// Returns the timestamp `ms` milliseconds after the Unix epoch.
    #[must_use]
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }

    /// Parses RFC 3339; returns none if `text` is not a timestamp from 1970 to 9999.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let at = DateTime::parse_from_rfc3339(text).ok()?.timestamp_millis();
        (0..=Self::MAX.0).contains(&at).then_some(Self(at))
    }

    /// Parses an HTTP date such as `Mon, 15 Jan 2024 10:30:00 GMT` (RFC 9110, section 5.6.7); returns none if `text` is
    /// not one from 1970 to 9999.
    #[must_use]
    pub fn parse_http_date(text: &str) -> Option<Self> {
        let at = DateTime::parse_from_rfc2822(text).ok()?.timestamp_millis();
        (0..=Self::MAX.0).contains(&at).then_some(Self(at))
    }

    /// Returns the milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Returns the timestamp `duration` later, at most [`Timestamp::MAX`].
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)).min(Self::MAX.0))
    }

    /// Returns the timestamp `duration` earlier.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }

    /// Returns the time since `earlier`; zero if `earlier` is later.
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

/// Clock: the source of the current time.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The system's wall clock, for commands that run for a moment.
    #[default]
    System,
    /// Wall time that a running server advances by the monotonic clock.
    Steady(SteadyClock),
    /// Clock that changes only when a test moves it.
    Manual(ManualClock),
}

impl Clock {
    /// Returns the current time, by which calls are stored and deadlines are kept. A change of the wall clock does not
    /// move a [`Clock::Steady`].
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the file that owns the wall clock"
    )]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp(Utc::now().timestamp_millis()),
            Self::Steady(clock) => clock.now(),
            Self::Manual(clock) => clock.now(),
        }
    }

    /// Returns the wall time, which the expiry of tokens is compared with.
    #[must_use]
    pub fn wall(&self) -> Timestamp {
        match self {
            Self::System => self.now(),
            Self::Steady(clock) => clock.0.time.wall(),
            Self::Manual(clock) => clock.now(),
        }
    }

    /// Returns the clock that a server runs by: [`Clock::System`] is read once and then advanced by `time`.
    #[must_use]
    pub fn for_server(self, time: impl TimeSource + 'static) -> Self {
        match self {
            Self::System => Self::Steady(SteadyClock::new(time)),
            Self::Steady(_) | Self::Manual(_) => self,
        }
    }

    /// Returns the time for ages within the process: unlike [`Clock::now`], it does not move when a new wall clock is
    /// adopted.
    #[must_use]
    pub fn steady(&self) -> Timestamp {
        match self {
            Self::System | Self::Manual(_) => self.now(),
            Self::Steady(clock) => Timestamp(millis(clock.0.time.elapsed())),
        }
    }

    /// Returns by how many milliseconds the wall clock was set since the clock was anchored to it; negative if it was
    /// set back.
    #[must_use]
    pub fn wall_step(&self) -> i64 {
        match self {
            Self::System | Self::Manual(_) => 0,
            Self::Steady(clock) => clock.0.time.wall().0.saturating_sub(clock.now().0),
        }
    }

    /// Moves a [`Clock::Steady`] by `step` milliseconds.
    pub fn shift(&self, step: i64) {
        if let Self::Steady(clock) = self {
            clock.0.anchor.fetch_add(step, Ordering::SeqCst);
        }
    }
}

/// Source of wall time and of time that passes.
pub trait TimeSource: fmt::Debug + Send + Sync {
    /// Returns the wall time, which an administrator or NTP may set.
    fn wall(&self) -> Timestamp;

    /// Returns the time since a fixed instant; it cannot be set.
    fn elapsed(&self) -> Duration;
}

/// Steady clock: wall time read once, then advanced by the monotonic clock. Clones share the anchor.
///
/// Deadlines, durations and the order of events depend on it, so a wall clock that is set makes no deadline early or
/// late.
#[derive(Clone, Debug)]
pub struct SteadyClock(Arc<Steady>);

#[derive(Debug)]
struct Steady {
    time: Box<dyn TimeSource>,
    /// The wall time at which `time` began, in milliseconds.
    anchor: AtomicI64,
}

impl SteadyClock {
    /// Returns a clock that starts at the wall time of `time`.
    #[must_use]
    pub fn new(time: impl TimeSource + 'static) -> Self {
        let anchor = time.wall().0.saturating_sub(millis(time.elapsed()));
        Self(Arc::new(Steady {
            time: Box::new(time),
            anchor: AtomicI64::new(anchor),
        }))
    }

    /// Returns the current time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let anchor = self.0.anchor.load(Ordering::SeqCst);
        Timestamp(anchor.saturating_add(millis(self.0.time.elapsed())))
    }
}

/// Clock that a test sets; clones share the time.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// Returns a clock at `start`.
    #[must_use]
    pub fn starting_at(start: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(start.0)))
    }

    /// Returns the current time of the clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }

    /// Sets the clock to `at`.
    pub fn set(&self, at: Timestamp) {
        self.0.store(at.0, Ordering::SeqCst);
    }

    /// Moves the clock forward.
    pub fn advance(&self, duration: Duration) {
        self.0.fetch_add(millis(duration), Ordering::SeqCst);
    }
}

/// Time source whose wall clock and elapsed time a test sets; clones share both.
#[derive(Clone, Debug)]
pub struct SettableTime {
    /// The wall clock.
    pub wall: ManualClock,
    /// The monotonic clock.
    pub passed: ManualClock,
}

impl SettableTime {
    /// Returns a source whose wall clock is at `start`.
    #[must_use]
    pub fn starting_at(start: Timestamp) -> Self {
        Self {
            wall: ManualClock::starting_at(start),
            passed: ManualClock::starting_at(Timestamp(0)),
        }
    }
}

impl TimeSource for SettableTime {
    fn wall(&self) -> Timestamp {
        self.wall.now()
    }

    fn elapsed(&self) -> Duration {
        self.passed.now().since(Timestamp(0))
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
    fn steady_clock_ignores_steps_of_the_wall_clock() {
        let time = SettableTime::starting_at(Timestamp(1_000_000));
        let clock = Clock::System.for_server(time.clone());
        assert_eq!(clock.now(), Timestamp(1_000_000));
        time.wall.set(Timestamp(7_000));
        time.passed.advance(Duration::from_secs(1));
        assert_eq!(clock.now(), Timestamp(1_001_000));
        assert_eq!(clock.wall(), Timestamp(7_000));
        let steady = clock.steady();
        clock.shift(clock.wall_step());
        assert_eq!(clock.now(), clock.wall());
        assert_eq!(clock.steady(), steady);
    }

    #[test]
    fn manual_clock_moves_only_by_hand() {
        let hand = ManualClock::starting_at(Timestamp::from_millis(7));
        let clock = Clock::Manual(hand.clone());
        assert_eq!(clock.now(), Timestamp::from_millis(7));
        hand.advance(Duration::from_mins(1));
        assert_eq!(clock.now(), Timestamp::from_millis(60_007));
    }
}
