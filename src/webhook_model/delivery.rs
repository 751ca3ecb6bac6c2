//! Retry rules of webhooks: when a message is retried, when it expires, and when its endpoint is paused.

use std::fmt;
use std::time::Duration;

use crate::clock::Timestamp;

/// Period for which a message is retried, and for which an endpoint may fail before it is paused.
pub const PATIENCE: Duration = Duration::from_hours(24);

/// Delay after the first failure; it doubles with each further one. A push is useful for the minute in which a call
/// rings, so the first retries come quickly.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// Longest delay: an endpoint that was down for long gets messages again within minutes.
const LONGEST_WAIT: Duration = Duration::from_mins(10);

/// Longest delay that an endpoint can request with `Retry-After`. An hour covers a maintenance window; a year by
/// mistake must not hold back messages until they expire.
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(1);

/// Endpoint, by the number that administrators see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EndpointId(pub i64);

impl fmt::Display for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Outcome of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Delivered: a status of 200 to 299.
    Delivered {
        /// The HTTP status.
        status: u16,
    },
    /// Rejected: any other status.
    Refused {
        /// The HTTP status; 410 means that the endpoint is gone.
        status: u16,
    },
    /// No response, with the reason.
    Failed {
        /// Sentence for the administrator.
        cause: String,
    },
}

impl Outcome {
    /// Returns the outcome that `status` means.
    #[must_use]
    pub const fn of_status(status: u16) -> Self {
        if status >= 200 && status < 300 {
            Self::Delivered { status }
        } else {
            Self::Refused { status }
        }
    }

    /// Returns true if the endpoint has the message.
    #[must_use]
    pub const fn is_delivered(&self) -> bool {
        match self {
            Self::Delivered { .. } => true,
            Self::Refused { .. } | Self::Failed { .. } => false,
        }
    }

    /// Returns the word in metrics and listings.
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

/// Requests in an endpoint's response, beside its status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndpointReply {
    /// Whether the endpoint reports that it woke the callee's device. A call that waits for one rings from then on.
    pub device_woken: bool,
    /// Delay that the endpoint requests before the next message.
    pub retry_after: Option<Duration>,
}

/// Returns the wait that the header `Retry-After` of a response asks for, at most an hour: seconds or an HTTP date
/// (RFC 9110, section 10.2.3). Only 429 (RFC 6585, section 4) and 503 (RFC 9110, section 15.6.4) carry one.
#[must_use]
pub fn retry_after(status: u16, header: &str, now: Timestamp) -> Option<Duration> {
    if !matches!(status, 429 | 503) {
        return None;
    }
    let header = header.trim();
    let wait = if header.bytes().all(|byte| byte.is_ascii_digit()) && !header.is_empty() {
        // More digits than the number can have are a long delay too.
        Duration::from_secs(header.parse().unwrap_or(u64::MAX))
    } else {
        Timestamp::parse_http_date(header)?.since(now)
    };
    Some(wait.min(LONGEST_RETRY_AFTER))
}

/// Next step after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing: it is delivered.
    Done,
    /// Retry.
    Again(Timestamp),
    /// Nothing: it has expired.
    GivenUp,
}

impl Next {
    /// Returns the next step after `outcome` at `now`, for a message that was first due at `since` and failed
    /// `failures` times before. `jitter`, from 0 to 1, spreads retries of attempts that failed together. The next
    /// attempt is not made before `retry_after` has passed, if the endpoint requested that.
    #[must_use]
    pub fn after(
        outcome: &Outcome,
        failures: u32,
        since: Timestamp,
        retry_after: Option<Duration>,
        jitter: f64,
        now: Timestamp,
    ) -> Self {
        if outcome.is_delivered() {
            Self::Done
        } else if now.since(since) >= PATIENCE {
            Self::GivenUp
        } else {
            let wait = wait(failures, jitter).max(retry_after.unwrap_or_default());
            Self::Again(now.plus(wait))
        }
    }
}

/// Between half the delay and all of it.
fn wait(failures: u32, jitter: f64) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX));
    let wait = doubled.min(LONGEST_WAIT);
    wait / 2 + (wait / 2).mul_f64(jitter.clamp(0.0, 1.0))
}

/// Reason for which an endpoint is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PauseCause {
    /// The administrator paused it.
    Administrator,
    /// It returned 410.
    Gone,
    /// It accepted nothing for a day.
    Failing,
}

impl PauseCause {
    /// All reasons.
    pub const ALL: [Self; 3] = [Self::Administrator, Self::Gone, Self::Failing];

    /// Returns the word for programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }

    /// Returns true if an endpoint that has accepted nothing since `failing_since` is to be paused after `outcome`.
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
            match Next::after(&outcome, failures, START, None, jitter, START) {
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
        let next = |seconds| Next::after(&failed, 100, START, None, 0.5, later(seconds));
        assert!(matches!(next(86_399), Next::Again(_)));
        assert_eq!(next(86_400), Next::GivenUp);
        let taken = Outcome::of_status(204);
        assert_eq!(
            Next::after(&taken, 9, START, None, 0.5, later(90_000)),
            Next::Done
        );
    }

    #[test]
    fn retry_after_delays_the_next_attempt() {
        let next = |failures, seconds| {
            let outcome = Outcome::Refused { status: 429 };
            let asked = Some(Duration::from_secs(seconds));
            Next::after(&outcome, failures, START, asked, 1.0, START)
        };
        assert_eq!(next(0, 120), Next::Again(later(120)));
        assert_eq!(next(30, 120), Next::Again(later(600)), "the longer wait");
    }

    #[test]
    fn retry_after_is_seconds_or_an_http_date() {
        let asked = |status, header| retry_after(status, header, START).map(|wait| wait.as_secs());
        assert_eq!([asked(429, "120"), asked(503, " 7 ")], [Some(120), Some(7)]);
        assert_eq!(asked(503, "Mon, 15 Jan 2024 10:31:30 GMT"), Some(90));
        assert_eq!(asked(503, "Mon, 15 Jan 2024 10:00:00 GMT"), Some(0));
        assert_eq!(asked(429, "99999999999999999999999"), Some(3_600));
        for (status, header) in [
            (500, "120"),
            (200, "120"),
            (429, ""),
            (429, "-1"),
            (503, "soon"),
        ] {
            assert_eq!(asked(status, header), None, "{status} {header}");
        }
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
