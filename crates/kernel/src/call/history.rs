//! Call history of each participant (contract section 5).

use std::fmt;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::user::{Profile, UserId};

use super::actor::{Actor, Cause};
use super::state::{Call, CallId, CallType, RejectReason, State};

/// Outcome of a call as its owner's history shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Answered and ended.
    Completed,
    /// Not answered.
    Missed,
    /// Rejected.
    Rejected,
    /// Cancelled by the caller before an answer.
    Cancelled,
}

impl Outcome {
    /// All outcomes, in the order of the contract.
    pub const ALL: [Self; 4] = [
        Self::Completed,
        Self::Missed,
        Self::Rejected,
        Self::Cancelled,
    ];

    /// Returns the word of the contract.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "COMPLETED",
            Self::Missed => "MISSED",
            Self::Rejected => "REJECTED",
            Self::Cancelled => "CANCELLED",
        }
    }
}

/// Direction of a call, seen by the owner of the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The owner is the callee.
    Incoming,
    /// The owner is the caller.
    Outgoing,
}

impl Direction {
    /// Both, in the order of the contract.
    pub const ALL: [Self; 2] = [Self::Incoming, Self::Outgoing];

    /// Returns the word of the contract.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Incoming => "INCOMING",
            Self::Outgoing => "OUTGOING",
        }
    }
}

/// History entry of one participant, created when the call becomes final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// Owner of the entry.
    pub owner: UserId,
    /// The other participant.
    pub remote: UserId,
    /// The call.
    pub call: CallId,
    /// Voice or video.
    pub call_type: CallType,
    /// Direction, seen by the owner.
    pub direction: Direction,
    /// Outcome.
    pub outcome: Outcome,
    /// Duration in seconds; none if the call was missed or rejected, 0 if it was cancelled.
    pub duration_seconds: Option<u32>,
}

/// History entries of both participants of a call that has become final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entries {
    /// The caller's entry.
    pub caller: HistoryEntry,
    /// The callee's entry; none if the call was suppressed for the callee.
    pub callee: Option<HistoryEntry>,
}

impl Entries {
    /// Returns the entries, the caller's first.
    pub fn iter(&self) -> impl Iterator<Item = &HistoryEntry> {
        std::iter::once(&self.caller).chain(&self.callee)
    }
}

/// Id of a history entry: the call, and which of its two entries. The two participants' entries have different ids, and
/// each id is valid only for its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryId {
    /// The call.
    pub call: CallId,
    /// Direction, seen by the owner.
    pub direction: Direction,
}

impl EntryId {
    /// Parses an id; returns none if `text` is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (call, direction) = text.rsplit_once('-')?;
        Some(Self {
            call: CallId::parse(call)?,
            direction: Direction::ALL
                .into_iter()
                .find(|one| suffix(*one) == direction)?,
        })
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.call, suffix(self.direction))
    }
}

const fn suffix(direction: Direction) -> &'static str {
    match direction {
        Direction::Incoming => "in",
        Direction::Outgoing => "out",
    }
}

/// History entry as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastCall {
    /// Id of the entry; the call was created at the timestamp in the call's id.
    pub id: EntryId,
    /// The other participant, with the current profile.
    pub remote: Profile,
    /// Voice or video.
    pub call_type: CallType,
    /// Outcome.
    pub outcome: Outcome,
    /// Duration in seconds.
    pub duration_seconds: Option<u32>,
}

/// Filter of history entries; a field that is none matches every entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Outcome.
    pub outcome: Option<Outcome>,
    /// Voice or video.
    pub call_type: Option<CallType>,
    /// Direction.
    pub direction: Option<Direction>,
}

/// Period of statistics, which ends now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// 24 hours.
    Day,
    /// 7 days.
    Week,
    /// 30 days.
    Month,
    /// 365 days.
    Year,
    /// All time.
    All,
}

impl Period {
    /// All periods, in the order of the contract.
    pub const ALL: [Self; 5] = [Self::Day, Self::Week, Self::Month, Self::Year, Self::All];

    /// Returns the word of the contract.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
            Self::All => "all",
        }
    }

    /// Returns the first timestamp of the period that ends at `now`.
    #[must_use]
    pub fn start(self, now: Timestamp) -> Timestamp {
        let days = match self {
            Self::Day => 1,
            Self::Week => 7,
            Self::Month => 30,
            Self::Year => 365,
            Self::All => return Timestamp::from_millis(0),
        };
        now.minus(Duration::from_hours(24 * days))
    }
}

/// Count of entries of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Voice or video.
    pub call_type: CallType,
    /// Outcome.
    pub outcome: Outcome,
    /// Number of calls.
    pub calls: u64,
    /// Sum of their durations in seconds.
    pub seconds: u64,
}

/// Statistics of a user's calls in a period, counted by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics(
    /// The counts; a kind may occur several times or not at all.
    pub Vec<Tally>,
);

impl Statistics {
    /// Returns the number of calls.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.sum(|tally| tally.calls)
    }

    /// Returns the number of calls of `call_type`.
    #[must_use]
    pub fn calls_of_type(&self, call_type: CallType) -> u64 {
        self.sum(|tally| tally.calls * u64::from(tally.call_type == call_type))
    }

    /// Returns the number of calls with `outcome`.
    #[must_use]
    pub fn calls_with_outcome(&self, outcome: Outcome) -> u64 {
        self.sum(|tally| tally.calls * u64::from(tally.outcome == outcome))
    }

    /// Returns the sum of their durations in seconds.
    #[must_use]
    pub fn seconds(&self) -> u64 {
        self.sum(|tally| tally.seconds)
    }

    /// Returns the average duration of a completed call in seconds, 0 if there is none.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "exact up to 2^53 seconds, 285 million years"
    )]
    pub fn average_seconds(&self) -> f64 {
        let completed = Outcome::Completed;
        let seconds = self.sum(|tally| tally.seconds * u64::from(tally.outcome == completed));
        match self.calls_with_outcome(completed) {
            0 => 0.0,
            calls => seconds as f64 / calls as f64,
        }
    }

    fn sum(&self, of: impl Fn(&Tally) -> u64) -> u64 {
        self.0.iter().map(of).sum()
    }
}

/// Returns the participants' entries for a call that has become final by `cause`, none for a live call.
#[must_use]
pub fn entries(call: &Call, cause: Cause) -> Option<Entries> {
    let (for_caller, for_callee) = outcomes(call, cause)?;
    let entry = |owner: &UserId, remote: &UserId, direction, outcome| HistoryEntry {
        owner: owner.clone(),
        remote: remote.clone(),
        call: call.id,
        call_type: call.call_type,
        direction,
        outcome,
        duration_seconds: match outcome {
            Outcome::Completed | Outcome::Cancelled => call.state.duration_seconds(),
            Outcome::Missed | Outcome::Rejected => None,
        },
    };
    let incoming = || entry(&call.callee, &call.caller, Direction::Incoming, for_callee);
    Some(Entries {
        caller: entry(&call.caller, &call.callee, Direction::Outgoing, for_caller),
        callee: (!call.suppressed).then(incoming),
    })
}

fn outcomes(call: &Call, cause: Cause) -> Option<(Outcome, Outcome)> {
    match &call.state {
        State::Initiating { .. }
        | State::Ringing { .. }
        | State::Connecting { .. }
        | State::Active { .. } => None,
        State::Ended {
            started_at: Some(_),
            ..
        } => Some((Outcome::Completed, Outcome::Completed)),
        State::Ended {
            started_at: None,
            ended_by,
            ..
        } => Some(match ended_by {
            Actor::User(user) if *user == call.callee => (Outcome::Rejected, Outcome::Rejected),
            // An administrator who ends a ringing call cancels it on the caller's behalf.
            Actor::User(_) | Actor::System => (Outcome::Cancelled, Outcome::Missed),
        }),
        State::Rejected {
            reason: RejectReason::Busy,
            ..
        } if cause == Cause::UserBusy => Some((Outcome::Rejected, Outcome::Missed)),
        State::Rejected { .. } => Some((Outcome::Rejected, Outcome::Rejected)),
        State::Missed { .. } => Some((Outcome::Missed, Outcome::Missed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_entry_ids_are_distinct_and_parse_back() {
        let call = CallId::parse("0192f0c1-7a4b-7c3d-8e5f-0123456789ab").expect("a call id");
        let [incoming, outgoing] = Direction::ALL.map(|direction| EntryId { call, direction });
        assert_ne!(incoming.to_string(), outgoing.to_string());
        for id in [incoming, outgoing] {
            assert_eq!(EntryId::parse(&id.to_string()), Some(id));
        }
    }

    #[test]
    fn what_names_no_entry_is_not_read_as_one() {
        for bad in [
            "",
            "-",
            "in",
            "0192f0c1-7a4b-7c3d-8e5f-0123456789ab",
            "0192f0c1-7a4b-7c3d-8e5f-0123456789ab-",
            "0192f0c1-7a4b-7c3d-8e5f-0123456789ab-IN",
            "0192f0c1-7a4b-7c3d-8e5f-0123456789ab-in-in",
            "0192f0c17a4b7c3d8e5f0123456789ab-in",
        ] {
            assert_eq!(EntryId::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_period_begins_its_length_before_now() {
        const DAY_MS: i64 = 86_400_000;
        let now = Timestamp::from_millis(1_705_314_600_000);
        let days = |period: Period| (now.as_millis() - period.start(now).as_millis()) / DAY_MS;
        assert_eq!(days(Period::Day), 1);
        assert_eq!(days(Period::Week), 7);
        assert_eq!(days(Period::Month), 30);
        assert_eq!(days(Period::Year), 365);
        assert_eq!(Period::All.start(now), Timestamp::from_millis(0));
    }

    #[test]
    fn statistics_average_over_completed_calls_alone() {
        let tally = |call_type, outcome, calls, seconds| Tally {
            call_type,
            outcome,
            calls,
            seconds,
        };
        let statistics = Statistics(vec![
            tally(CallType::Audio, Outcome::Completed, 1, 10),
            tally(CallType::Video, Outcome::Completed, 3, 15),
            tally(CallType::Video, Outcome::Cancelled, 4, 0),
            tally(CallType::Video, Outcome::Missed, 2, 0),
        ]);
        assert_eq!(statistics.calls(), 10);
        assert_eq!(statistics.seconds(), 25);
        assert!((statistics.average_seconds() - 6.25).abs() < f64::EPSILON);
        assert_eq!(statistics.calls_of_type(CallType::Audio), 1);
        assert_eq!(statistics.calls_of_type(CallType::Video), 9);
        assert_eq!(statistics.calls_with_outcome(Outcome::Cancelled), 4);
        assert_eq!(statistics.calls_with_outcome(Outcome::Rejected), 0);
        assert!(Statistics::default().average_seconds().abs() < f64::EPSILON);
    }
}
