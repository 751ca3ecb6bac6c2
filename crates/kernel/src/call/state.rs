//! Calls and their states.
//!
//! ```text
//!              callee connects, or is woken by a push
//!  INITIATING ────────────────▶ RINGING            a live call: INITIATING, RINGING,
//!      │                          │                CONNECTING or ACTIVE
//!      └──────────┬───────────────┘
//!                 │ accept            reject ▶ REJECTED
//!                 │                   end ▶ ENDED, 0 seconds, never started
//!                 │                   ring timeout ▶ MISSED
//!                 ▼
//!            CONNECTING ───────▶ ACTIVE            media flows
//!                 │                 │
//!                 └───────┬─────────┘
//!                         │ end, participant gone, longest duration
//!                         ▼
//!                       ENDED
//! ```

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::user::UserId;

use super::actor::Actor;

/// Call id: a `UUIDv7`, lower case (contract section 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(Uuid);

impl CallId {
    /// Returns the id of these bytes.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// Parses the hyphenated form of RFC 9562; returns none if `text` is not an id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        const HYPHENATED: usize = 36;
        (text.len() == HYPHENATED)
            .then(|| Uuid::try_parse(text).ok())?
            .map(Self)
    }

    /// Returns the id's 16 bytes; their order is the order of creation.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// Returns the timestamp in the id's first 48 bits: the creation time of the call (RFC 9562, section 5.7).
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        let mut ms = [0; 8];
        ms[2..].copy_from_slice(&self.as_bytes()[..6]);
        Timestamp::from_millis(i64::from_be_bytes(ms))
    }

    /// Returns the smallest id that a call created at `at` can have: the ids of earlier calls are smaller, all others
    /// are not.
    #[must_use]
    pub fn first_at(at: Timestamp) -> Self {
        let ms = u128::try_from(at.as_millis()).unwrap_or(0);
        Self(Uuid::from_u128(ms << 80))
    }

    /// An id greater than that of every call.
    pub const LAST: Self = Self(Uuid::max());
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

/// Name of the media channel that both participants join, in the form that Agora allows (contract section 1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ChannelId(Arc<str>);

impl ChannelId {
    /// Maximum length in bytes.
    pub const MAX_LENGTH: usize = 64;

    /// Expected form of a channel name, for messages.
    pub const EXPECTED: &str =
        "1-64 bytes of letters, digits, space and !#$%&()+-:;<=.>?@[]^_{}|~,";

    /// Parses a channel name; returns none if `text` is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let valid = |byte: u8| {
            byte.is_ascii_alphanumeric() || b" !#$%&()+-:;<=.>?@[]^_{}|~,".contains(&byte)
        };
        ((1..=Self::MAX_LENGTH).contains(&text.len()) && text.bytes().all(valid))
            .then(|| Self(text.into()))
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Media type of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallType {
    /// Voice.
    Audio,
    /// Voice and video.
    Video,
}

impl CallType {
    /// Both types, in the order of their documentation.
    pub const ALL: [Self; 2] = [Self::Audio, Self::Video];

    /// Returns the word of the specification.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Audio => "AUDIO",
            Self::Video => "VIDEO",
        }
    }
}

/// Reason of a rejection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RejectReason {
    /// The callee is in another call.
    Busy,
    /// The callee declined.
    Declined,
    /// The callee is unavailable.
    Unavailable,
}

impl RejectReason {
    /// All reasons, in the order of the specification.
    pub const ALL: [Self; 3] = [Self::Busy, Self::Declined, Self::Unavailable];

    /// Returns the word of the specification.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Declined => "declined",
            Self::Unavailable => "unavailable",
        }
    }
}

/// A call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The id.
    pub id: CallId,
    /// The caller.
    pub caller: UserId,
    /// The callee.
    pub callee: UserId,
    /// Voice or video.
    pub call_type: CallType,
    /// The media channel.
    pub channel: ChannelId,
    /// Whether the call is suppressed for its callee, who has blocked the caller: it rings on no device and occupies
    /// only the caller, and the callee has no more access to it than a stranger.
    pub suppressed: bool,
    /// Creation time.
    pub created_at: Timestamp,
    /// Time of the last change of the state.
    pub updated_at: Timestamp,
    /// The state.
    pub state: State,
}

/// State of a call, with the data that exists in that state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Initiated; no device of the callee is connected.
    Initiating {
        /// Ring timeout: when the call is missed.
        ring_until: Timestamp,
    },
    /// A device of the callee has the invitation.
    Ringing {
        /// Ring timeout: when the call is missed.
        ring_until: Timestamp,
    },
    /// Accepted; media is being set up.
    Connecting {
        /// Time of the answer.
        started_at: Timestamp,
        /// When the maximum duration is reached, if limited.
        max_duration_at: Option<Timestamp>,
    },
    /// Media flows.
    Active {
        /// Time of the answer.
        started_at: Timestamp,
        /// When the maximum duration is reached, if limited.
        max_duration_at: Option<Timestamp>,
    },
    /// Ended after an answer, or cancelled before one.
    Ended {
        /// Time of the answer, if there was one.
        started_at: Option<Timestamp>,
        /// End time.
        ended_at: Timestamp,
        /// Duration in seconds; 0 if the call was never answered.
        duration_seconds: u32,
        /// Who ended it.
        ended_by: Actor,
    },
    /// Rejected by the callee, or because the callee was in another call.
    Rejected {
        /// The reason.
        reason: RejectReason,
        /// End time.
        ended_at: Timestamp,
    },
    /// Not answered in time.
    Missed {
        /// End time.
        ended_at: Timestamp,
    },
}

/// Status: the name of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// See [`State::Initiating`].
    Initiating,
    /// See [`State::Ringing`].
    Ringing,
    /// See [`State::Connecting`].
    Connecting,
    /// See [`State::Active`].
    Active,
    /// See [`State::Ended`].
    Ended,
    /// See [`State::Rejected`].
    Rejected,
    /// See [`State::Missed`].
    Missed,
}

impl Status {
    /// All statuses, in the order of a call's lifecycle.
    pub const ALL: [Self; 7] = [
        Self::Initiating,
        Self::Ringing,
        Self::Connecting,
        Self::Active,
        Self::Ended,
        Self::Rejected,
        Self::Missed,
    ];

    /// Returns the word of the specification.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Initiating => "INITIATING",
            Self::Ringing => "RINGING",
            Self::Connecting => "CONNECTING",
            Self::Active => "ACTIVE",
            Self::Ended => "ENDED",
            Self::Rejected => "REJECTED",
            Self::Missed => "MISSED",
        }
    }

    /// Whether a call in this status occupies its participants.
    #[must_use]
    pub const fn is_live(self) -> bool {
        match self {
            Self::Initiating | Self::Ringing | Self::Connecting | Self::Active => true,
            Self::Ended | Self::Rejected | Self::Missed => false,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl State {
    /// Returns the status of this state.
    #[must_use]
    pub const fn status(&self) -> Status {
        match self {
            Self::Initiating { .. } => Status::Initiating,
            Self::Ringing { .. } => Status::Ringing,
            Self::Connecting { .. } => Status::Connecting,
            Self::Active { .. } => Status::Active,
            Self::Ended { .. } => Status::Ended,
            Self::Rejected { .. } => Status::Rejected,
            Self::Missed { .. } => Status::Missed,
        }
    }

    /// Returns the next deadline of the call, by which the server ends it, if there is one.
    #[must_use]
    pub const fn deadline(&self) -> Option<Timestamp> {
        match self {
            Self::Initiating { ring_until } | Self::Ringing { ring_until } => Some(*ring_until),
            Self::Connecting {
                max_duration_at, ..
            }
            | Self::Active {
                max_duration_at, ..
            } => *max_duration_at,
            Self::Ended { .. } | Self::Rejected { .. } | Self::Missed { .. } => None,
        }
    }

    /// Returns the time of the answer, if there was one.
    #[must_use]
    pub const fn started_at(&self) -> Option<Timestamp> {
        match self {
            Self::Connecting { started_at, .. } | Self::Active { started_at, .. } => {
                Some(*started_at)
            }
            Self::Ended { started_at, .. } => *started_at,
            Self::Initiating { .. }
            | Self::Ringing { .. }
            | Self::Rejected { .. }
            | Self::Missed { .. } => None,
        }
    }

    /// Returns the end time, if the call is over.
    #[must_use]
    pub const fn ended_at(&self) -> Option<Timestamp> {
        match self {
            Self::Ended { ended_at, .. }
            | Self::Rejected { ended_at, .. }
            | Self::Missed { ended_at } => Some(*ended_at),
            Self::Initiating { .. }
            | Self::Ringing { .. }
            | Self::Connecting { .. }
            | Self::Active { .. } => None,
        }
    }

    /// Returns the duration in seconds if the call was ended; a missed or rejected call has no duration.
    #[must_use]
    pub const fn duration_seconds(&self) -> Option<u32> {
        match self {
            Self::Ended {
                duration_seconds, ..
            } => Some(*duration_seconds),
            Self::Initiating { .. }
            | Self::Ringing { .. }
            | Self::Connecting { .. }
            | Self::Active { .. }
            | Self::Rejected { .. }
            | Self::Missed { .. } => None,
        }
    }
}

impl Call {
    /// Returns the status.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.state.status()
    }

    /// Whether `user` is a participant: caller or callee, or only the caller if the call is suppressed.
    #[must_use]
    pub fn has_participant(&self, user: &UserId) -> bool {
        *user == self.caller || self.is_for(user)
    }

    /// Whether `user` is the callee and the call is not suppressed.
    #[must_use]
    pub fn is_for(&self, user: &UserId) -> bool {
        *user == self.callee && !self.suppressed
    }

    /// Returns the participants, the caller first.
    pub fn participants(&self) -> impl Iterator<Item = &UserId> {
        [&self.caller, &self.callee]
            .into_iter()
            .filter(|user| self.has_participant(user))
    }

    /// Returns the participant who is not `user`.
    #[must_use]
    pub fn other(&self, user: &UserId) -> &UserId {
        if *user == self.caller {
            &self.callee
        } else {
            &self.caller
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channel_names_are_what_agora_allows() {
        for good in [
            "a",
            "agora-channel-456",
            "a b!#$%&()+-:;<=.>?@[]^_{}|~,",
            &"x".repeat(64),
        ] {
            assert_eq!(ChannelId::parse(good).expect(good).as_str(), good);
        }
        for bad in [
            "",
            &"x".repeat(65),
            "a/b",
            "a\"b",
            "a'b",
            "é",
            "a\tb",
            "a*b",
            "a\\b",
            "`",
        ] {
            assert_eq!(ChannelId::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_call_id_tells_when_its_call_was_created() {
        let at = Timestamp::from_millis(1_705_314_600_123);
        let id = uuid::Builder::from_unix_timestamp_millis(1_705_314_600_123, &[0xFF; 10]);
        let id = CallId::from_uuid(id.into_uuid());
        assert_eq!(id.created_at(), at);
        assert!(CallId::first_at(at) < id && id < CallId::LAST);
        assert!(id < CallId::first_at(Timestamp::from_millis(at.as_millis() + 1)));
        assert!(CallId::first_at(Timestamp::from_millis(-1)) < id);
    }

    #[test]
    fn call_ids_are_hyphenated_uuids() {
        let text = "0192f0c1-7a4b-7c3d-8e5f-0123456789ab";
        assert_eq!(CallId::parse(text).expect("a UUID").to_string(), text);
        for bad in [
            "",
            "call-uuid-123",
            "0192f0c17a4b7c3d8e5f0123456789ab",
            "{0192f0c1-7a4b-7c3d-8e5f-0123456789ab}",
        ] {
            assert_eq!(CallId::parse(bad), None, "{bad:?}");
        }
    }
}
