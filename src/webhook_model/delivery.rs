//! When an announcement is delivered again, when it is given up, and when its receiver is left alone.

use std::fmt;
use std::time::Duration;

use crate::clock::Timestamp;

/// For how long a delivery is tried again, and for how long a receiver may fail before it is paused.
pub const PATIENCE: Duration = Duration::from_hours(24);

/// The wait after a first failure; it doubles with each further one. A push is worth something for the minute
/// in which a call rings, so the first few come quickly.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The longest wait: a receiver that was down for long is found up again within minutes.
const LONGEST_WAIT: Duration = Duration::from_mins(10);

/// A receiver, by the number that administrators know it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EndpointId(pub i64);

impl fmt::Display for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Taken: a status of 200 to 299.
    Delivered {
        /// The HTTP status.
        status: u16,
    },
    /// Answered otherwise.
    Refused {
        /// The HTTP status; 410 says that nobody is there any more.
        status: u16,
    },
    /// Not answered, and why.
    Failed {
        /// A sentence for the administrator.
        cause: String,
    },
}

impl Outcome {
    /// What an answer with `status` means.
    #[must_use]
    pub const fn of_status(status: u16) -> Self {
        if status >= 200 && status < 300 {
            Self::Delivered { status }
        } else {
            Self::Refused { status }
        }
    }

    /// Whether the receiver has it.
    #[must_use]
    pub const fn is_delivered(&self) -> bool {
        match self {
            Self::Delivered { .. } => true,
            Self::Refused { .. } | Self::Failed { .. } => false,
        }
    }

    /// The word for it in metrics and listings.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Delivered { .. } => "delivered",
            Self::Refused { .. } => "refused",
            Self::Failed { .. } => "failed",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delivered { status } | Self::Refused { status } => write!(f, "answered {status}"),
            Self::Failed { cause } => f.write_str(cause),
        }
    }
}

/// What follows an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing: it is delivered.
    Done,
    /// Another attempt.
    Again(Timestamp),
    /// Nothing: it was tried for long enough.
    GivenUp,
}

impl Next {
    /// What follows `outcome` at `now`, for an announcement that was first due at `since` and failed
    /// `failures` times before. `jitter`, from 0 to 1, spreads attempts that failed together.
    #[must_use]
    pub fn after(
        outcome: &Outcome,
        failures: u32,
        since: Timestamp,
        jitter: f64,
        now: Timestamp,
    ) -> Self {
        if outcome.is_delivered() {
            Self::Done
        } else if now.since(since) >= PATIENCE {
            Self::GivenUp
        } else {
            Self::Again(now.plus(wait(failures, jitter)))
        }
    }
}

/// From half the wait to all of it.
fn wait(failures: u32, jitter: f64) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX));
    let wait = doubled.min(LONGEST_WAIT);
    wait / 2 + (wait / 2).mul_f64(jitter.clamp(0.0, 1.0))
}

/// Why a receiver is told nothing for the time being.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PauseCause {
    /// The administrator wants it so.
    Administrator,
    /// It answered 410.
    Gone,
    /// It took nothing for a day.
    Failing,
}

impl PauseCause {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Administrator, Self::Gone, Self::Failing];

    /// The word for programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }

    /// Whether a receiver that has taken nothing since `failing_since` is to be paused after `outcome`.
    #[must_use]
    pub fn after(outcome: &Outcome, failing_since: Timestamp, now: Timestamp) -> Option<Self> {
        match outcome {
            Outcome::Delivered { .. } => None,
            Outcome::Refused { status: 410 } => Some(Self::Gone),
            Outcome::Refused { .. } | Outcome::Failed { .. } => {
                (now.since(failing_since) >= PATIENCE).then_some(Self::Failing)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_705_314_600_000);

    fn later(seconds: u64) -> Timestamp {
        START.plus(Duration::from_secs(seconds))
    }

    #[test]
    fn retry_delay_doubles_up_to_ten_minutes() {
        let again = |failures, jitter| {
            let outcome = Outcome::Refused { status: 500 };
            match Next::after(&outcome, failures, START, jitter, START) {
                Next::Again(at) => at.since(START).as_millis(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!([again(0, 0.0), again(0, 1.0)], [500, 1_000]);
        assert_eq!([again(3, 0.0), again(3, 1.0)], [4_000, 8_000]);
        for failures in [10, 31, 32, u32::MAX] {
            assert_eq!(again(failures, 1.0), 600_000);
        }
    }

    #[test]
    fn it_is_tried_for_a_day_and_then_given_up() {
        let failed = Outcome::Failed {
            cause: "no answer".to_owned(),
        };
        let next = |seconds| Next::after(&failed, 100, START, 0.5, later(seconds));
        assert!(matches!(next(86_399), Next::Again(_)));
        assert_eq!(next(86_400), Next::GivenUp);
        let taken = Outcome::of_status(204);
        assert_eq!(
            Next::after(&taken, 9, START, 0.5, later(90_000)),
            Next::Done
        );
    }

    #[test]
    fn endpoint_pauses_on_410_and_after_a_failed_day() {
        let after = |outcome, seconds| PauseCause::after(&outcome, START, later(seconds));
        assert_eq!(after(Outcome::of_status(410), 0), Some(PauseCause::Gone));
        assert_eq!(after(Outcome::of_status(404), 86_399), None);
        assert_eq!(
            after(Outcome::of_status(500), 86_400),
            Some(PauseCause::Failing)
        );
        assert_eq!(after(Outcome::of_status(200), 90_000), None);
        assert!(!Outcome::of_status(302).is_delivered());
    }
}
