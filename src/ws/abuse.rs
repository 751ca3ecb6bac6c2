//! Abuse detection. Message rates of sockets are not limited, but reported (contract section 4).

use std::time::Duration;

use tokio::time::Instant;

use crate::hub::CloseReason;

use super::event_loop::End;

/// Messages per second at which a session is reported.
const MESSAGES_PER_SECOND: u32 = 50;

/// Errors per minute at which a session is reported.
const ERRORS_PER_MINUTE: u32 = 20;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

/// Maximum messages above the rate limit, per minute, that are answered with an error; then the connection is closed.
const REJECTED_PER_MINUTE: u32 = 100;

/// Count of messages that were rejected because the user exceeds the rate limit.
pub(super) struct RejectedMessages(Window);

impl RejectedMessages {
    pub const fn new(now: Instant) -> Self {
        Self(Window::beginning(now))
    }

    /// Counts a rejected message.
    pub fn count(&mut self, now: Instant) {
        self.0.count(true, now, MINUTE);
    }

    /// Checks the count.
    ///
    /// # Errors
    /// The end of the session, if too many of its messages were rejected.
    pub fn check(&self) -> Result<(), End> {
        if self.0.errors > REJECTED_PER_MINUTE {
            Err(End::ByUs(CloseReason::RateExceeded))
        } else {
            Ok(())
        }
    }
}

/// Abuse monitor of one session: counts its recent messages and errors.
pub(super) struct AbuseMonitor {
    second: Window,
    minute: Window,
    reported_at: Option<Instant>,
}

/// Counts since `began`.
struct Window {
    began: Instant,
    messages: u32,
    errors: u32,
}

/// Report of a session that sends too much: its counts in the current minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Report {
    pub messages: u32,
    pub errors: u32,
}

impl AbuseMonitor {
    pub const fn new(now: Instant) -> Self {
        Self {
            second: Window::beginning(now),
            minute: Window::beginning(now),
            reported_at: None,
        }
    }

    /// Counts a message, and whether it was an error. Returns a report at most once a minute.
    pub fn count(&mut self, is_error: bool, now: Instant) -> Option<Report> {
        self.second.count(is_error, now, SECOND);
        self.minute.count(is_error, now, MINUTE);
        let too_much =
            self.second.messages > MESSAGES_PER_SECOND || self.minute.errors > ERRORS_PER_MINUTE;
        let reported = self
            .reported_at
            .is_some_and(|at| now.duration_since(at) < MINUTE);
        if !too_much || reported {
            return None;
        }
        self.reported_at = Some(now);
        Some(Report {
            messages: self.minute.messages,
            errors: self.minute.errors,
        })
    }
}

impl Window {
    const fn beginning(now: Instant) -> Self {
        Self {
            began: now,
            messages: 0,
            errors: 0,
        }
    }

    fn count(&mut self, is_error: bool, now: Instant, length: Duration) {
        if now.duration_since(self.began) >= length {
            *self = Self::beginning(now);
        }
        self.messages += 1;
        self.errors += u32::from(is_error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_51_in_a_second_is_reported_once_a_minute() {
        let start = Instant::now();
        let mut monitor = AbuseMonitor::new(start);
        assert!((0..50).all(|_| monitor.count(false, start).is_none()));
        assert_eq!(
            monitor.count(false, start),
            Some(Report {
                messages: 51,
                errors: 0
            })
        );
        assert_eq!(monitor.count(false, start), None);
        let later = start + MINUTE;
        assert!((0..50).all(|_| monitor.count(false, later).is_none()));
        assert_eq!(
            monitor.count(false, later),
            Some(Report {
                messages: 51,
                errors: 0
            })
        );
    }

    #[test]
    fn error_21_in_a_minute_is_reported() {
        let start = Instant::now();
        let mut monitor = AbuseMonitor::new(start);
        for second in 0..20 {
            assert_eq!(monitor.count(true, start + SECOND * second), None);
        }
        assert_eq!(
            monitor.count(true, start + SECOND * 21),
            Some(Report {
                messages: 21,
                errors: 21
            })
        );
    }
}
