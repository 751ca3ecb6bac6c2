//! Network quality of a call: reports of participants, warnings to the other participant, and the stored summary
//! (contract section 5).

use std::time::Duration;

use crate::clock::Timestamp;
use crate::user::UserId;

use super::error::{Action, CallError};
use super::network::NetworkQuality;
use super::notice::{Audience, Event, Notice};
use super::state::{Call, Status};

/// Minimum time between two warnings to one participant.
pub const WARNED_FOR: Duration = Duration::from_secs(10);

/// Network quality report of a participant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QualityReport {
    /// The level.
    pub quality: NetworkQuality,
    /// Share of packets lost, from 0 to 1, if measured.
    pub packet_loss_rate: Option<f64>,
    /// Round-trip time in milliseconds, if measured.
    pub round_trip_ms: Option<f64>,
}

/// Summary of one participant's reports about a call.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct QualitySummary {
    /// Number of reports.
    pub reports: u32,
    /// The worst level; none without a report.
    pub worst: Option<NetworkQuality>,
    /// Share of packets lost, from 0 to 1.
    pub packet_loss_rate: Mean,
    /// Round-trip time in milliseconds.
    pub round_trip_ms: Mean,
}

impl QualitySummary {
    /// Adds a report.
    pub fn add(&mut self, report: &QualityReport) {
        self.reports = self.reports.saturating_add(1);
        self.worst = self.worst.max(Some(report.quality));
        self.packet_loss_rate.add(report.packet_loss_rate);
        self.round_trip_ms.add(report.round_trip_ms);
    }

    /// Adds the reports of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.reports = self.reports.saturating_add(other.reports);
        self.worst = self.worst.max(other.worst);
        self.packet_loss_rate.merge(other.packet_loss_rate);
        self.round_trip_ms.merge(other.round_trip_ms);
    }
}

/// Running mean.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mean {
    /// Number of values.
    pub count: u32,
    /// The mean; 0 without values.
    pub value: f64,
}

impl Mean {
    /// Returns the mean, if there are values.
    #[must_use]
    pub fn get(self) -> Option<f64> {
        (self.count > 0).then_some(self.value)
    }

    /// Adds a value. The mean moves by its share of the difference, because a sum might overflow.
    fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.count = self.count.saturating_add(1);
            self.value += (value - self.value) / f64::from(self.count);
        }
    }

    /// Adds the values of `other`, as [`Mean::add`] does.
    fn merge(&mut self, other: Self) {
        if other.count > 0 {
            self.count = self.count.saturating_add(other.count);
            let share = (other.value - self.value) / f64::from(self.count);
            self.value += share * f64::from(other.count);
        }
    }
}

/// Quality monitor of one participant's network during a call.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Observed {
    /// All reports so far.
    pub summary: QualitySummary,
    /// Time of the last warning to the other participant.
    warned_at: Option<Timestamp>,
}

impl Observed {
    /// Returns the monitor of a participant with the summary `summary` of earlier reports.
    #[must_use]
    pub const fn since(summary: QualitySummary) -> Self {
        Self {
            summary,
            warned_at: None,
        }
    }

    /// Adds a report. Returns whether to warn the other participant: the network is bad and the last warning is 10 s
    /// old or more, whatever the levels in between. UNKNOWN causes no warning.
    pub fn add(&mut self, report: &QualityReport, now: Timestamp) -> bool {
        self.summary.add(report);
        // A clock that was set back must not suppress warnings.
        let is_fresh = |at: Timestamp| at <= now && now.since(at) < WARNED_FOR;
        let warn = report.quality.is_bad() && !self.warned_at.is_some_and(is_fresh);
        if warn {
            self.warned_at = Some(now);
        }
        warn
    }
}

/// Checks whether `user` may report on `call` now.
///
/// # Errors
/// [`CallError::NotAParticipant`], or [`CallError::InvalidStatus`] unless the call was answered and is live.
pub fn check(call: &Call, user: &UserId) -> Result<(), CallError> {
    if !call.has_participant(user) {
        return Err(CallError::NotAParticipant);
    }
    match call.status() {
        Status::Connecting | Status::Active => Ok(()),
        status @ (Status::Initiating
        | Status::Ringing
        | Status::Ended
        | Status::Rejected
        | Status::Missed) => Err(CallError::InvalidStatus {
            action: Action::Report,
            status,
        }),
    }
}

/// Returns the warning to the other participant about `reporter`'s network.
#[must_use]
pub fn warning(call: &Call, reporter: &UserId, quality: NetworkQuality, now: Timestamp) -> Notice {
    Notice {
        audience: Audience::Participant(call.other(reporter).clone()),
        event: Event::QualityWarning {
            call: call.id,
            quality,
        },
        at: now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_705_314_600_000);

    fn report(quality: NetworkQuality) -> QualityReport {
        QualityReport {
            quality,
            packet_loss_rate: None,
            round_trip_ms: None,
        }
    }

    /// Returns which of these levels, each reported so many milliseconds after the start, cause a warning.
    fn warned(reports: &[(i64, NetworkQuality)]) -> Vec<bool> {
        let mut observed = Observed::default();
        let at = |ms: i64| Timestamp::from_millis(START.as_millis() + ms);
        let add = |(ms, quality): &(i64, _)| observed.add(&report(*quality), at(*ms));
        reports.iter().map(add).collect()
    }

    #[test]
    fn levels_that_are_bad_are_poor_and_worse() {
        let bad = NetworkQuality::ALL.map(NetworkQuality::is_bad);
        assert_eq!(bad, [false, false, false, true, true, true]);
    }

    #[test]
    fn agoras_numbers_are_the_contracts_words() {
        let words =
            (0..10).map(|number| NetworkQuality::of_agora(number).map_or("", |q| q.as_str()));
        let expected = [
            "UNKNOWN",
            "EXCELLENT",
            "GOOD",
            "POOR",
            "BAD",
            "VERY_BAD",
            "VERY_BAD",
            "",
            "UNKNOWN",
            "",
        ];
        assert!(words.eq(expected));
    }

    #[test]
    fn warnings_are_10_s_apart_whatever_the_levels() {
        use NetworkQuality::{Bad, Good, Poor, Unknown};
        assert_eq!(
            warned(&[
                (0, Poor),
                (9_999, Poor),
                (10_000, Poor),
                (19_999, Poor),
                (20_001, Poor)
            ]),
            [true, false, true, false, true]
        );
        assert_eq!(
            warned(&[(0, Poor), (1, Bad), (2, Good), (3, Poor), (10_000, Bad)]),
            [true, false, false, false, true]
        );
        assert_eq!(
            warned(&[(0, Unknown), (1, Bad), (2, Unknown), (10_001, Bad)]),
            [false, true, false, true]
        );
    }

    #[test]
    fn a_clock_that_was_set_back_silences_no_warning() {
        use NetworkQuality::Bad;
        assert_eq!(warned(&[(0, Bad), (-3_600_000, Bad)]), [true, true]);
    }

    #[test]
    fn a_summary_counts_and_averages_what_was_measured() {
        let mut summary = QualitySummary::default();
        let mut parts = [summary; 2];
        assert_eq!((summary.worst, summary.round_trip_ms.get()), (None, None));
        for (part, quality, loss, round_trip_ms) in [
            (0, NetworkQuality::Unknown, None, None),
            (0, NetworkQuality::Bad, Some(0.5), Some(100.0)),
            (1, NetworkQuality::Good, Some(0.0), Some(f64::MAX)),
            (1, NetworkQuality::Good, None, Some(f64::MAX)),
        ] {
            let report = QualityReport {
                quality,
                packet_loss_rate: loss,
                round_trip_ms,
            };
            summary.add(&report);
            parts[part].add(&report);
        }
        assert_eq!(summary.reports, 4);
        assert_eq!(summary.worst, Some(NetworkQuality::Bad));
        assert_eq!(summary.packet_loss_rate.get(), Some(0.25));
        assert!(summary.round_trip_ms.get().is_some_and(f64::is_finite));
        let [mut merged, other] = parts;
        merged.merge(&other);
        merged.merge(&QualitySummary::default());
        assert!(merged.round_trip_ms.get().is_some_and(f64::is_finite));
        let without_time = |summary| QualitySummary {
            round_trip_ms: Mean::default(),
            ..summary
        };
        assert_eq!(without_time(merged), without_time(summary));
    }
}
